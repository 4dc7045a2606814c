note %q(one (two) 'three')
other %Q{in #{"side"}}
third %(plain)
