require "pathname"
root = Pathname.new(__FILE__).dirname.expand_path
cookbook_path root.join("cookbooks").to_s
role_path (root + "../srv/roles").to_s
data_bag_path root / "bags"
node_path Pathname(root.to_s).parent
