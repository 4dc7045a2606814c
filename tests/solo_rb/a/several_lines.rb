cookbook_path [
  "/srv/a",   # ours

  '/srv/b',
]
