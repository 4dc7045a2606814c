knife[:aws_region] = "eu-west-1"
knife['editor'] = "vi"
