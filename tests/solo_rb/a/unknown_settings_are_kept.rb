my_company_tier "gold"
knife_editor :vim
