# moto_lab.py PORT - Amazon EC2 as moto has it, which checks signatures, images, sizes and key pairs; who.json says who may ask.
import json
import os
import sys
import threading

port = int(sys.argv[1])
os.environ.update(
    INITIAL_NO_AUTH_ACTION_COUNT="3",  # what is asked below; all that comes after is checked
    MOTO_ENABLE_AMI_VALIDATION="true",
    MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="true",
    MOTO_ENABLE_KEYPAIR_VALIDATION="true",
)
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
server.start()
import boto3

iam = boto3.client("iam", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                   aws_access_key_id="x", aws_secret_access_key="x")
iam.create_user(UserName="lab")
iam.put_user_policy(UserName="lab", PolicyName="lab", PolicyDocument=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}))
key = iam.create_access_key(UserName="lab")["AccessKey"]
with open("who.new", "w") as who:
    json.dump({"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}, who)
os.rename("who.new", "who.json")
threading.Event().wait()
