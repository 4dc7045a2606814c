if RUBY = nil
  report_handlers << Some::Handler.new(`hostname`)
  load "/x"
end
log_level :info
