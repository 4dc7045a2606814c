interval 60 * 30
splay (interval / 10) - 30
large 2 > 1 && interval >= 1800
