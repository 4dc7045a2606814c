class Chef
  class Handler::Mine < Chef::Handler
    def report; end
  end
end
Chef::Config[:log_level] = :loud
report_handlers << Chef::Handler::Mine.new
role_path ROLES
