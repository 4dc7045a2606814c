report_handlers << "/usr/local/bin/report"
exception_handlers.push "/usr/local/bin/alarm"
