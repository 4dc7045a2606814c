cookbook_path %w[/srv/a /srv/b]
role_path %w(
  /srv/roles
  /srv/more
)
