node_name 'web1'
note 'it\'s a \n backslash: \\'
