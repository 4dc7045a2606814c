root = File.absolute_path(File.dirname(__FILE__))
json_attribs File.join(root, "dna.json")
