def y
  "/a"
end
def z(path) path end
role_path y
cookbook_path [y + "/b", z("/c")]
class Roots < Array; end
environment_path Roots::ALL
data_bag_path Roots.new(["/d"])
handler = lambda { 1 }
note handler
a, b = "/a", "/b"
file_cache_path a + b
@hidden = %s(x)
other @hidden
for d in %w[a b] do
  more = d
end
third more
ROOT = -> { 1 }
fourth ROOT
log_level :loud
