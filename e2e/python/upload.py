"""Uploads a file with tuspy as published on PyPI: upload.py ENDPOINT FILE CHUNK PAUSE_MS, with the bearer
token in TOKEN. Prints {"id", "requests"} as JSON."""
import json
import os
import sys
import time
import urllib.parse

from tusclient import client

endpoint, path, chunk, pause = sys.argv[1:]
tus = client.TusClient(endpoint, headers={"Authorization": "Bearer " + os.environ["TOKEN"]})
uploader = tus.uploader(
    path, chunk_size=int(chunk), metadata={"filename": "tuspy.mp4", "filetype": "video/mp4", "title": "By tuspy"}
)
size, requests = os.path.getsize(path), 0
while uploader.offset < size:
    time.sleep(int(pause) / 1000)
    uploader.upload_chunk()
    requests += 1
print(json.dumps({"id": urllib.parse.urlparse(uploader.url).path.split("/")[-1], "requests": requests}))
