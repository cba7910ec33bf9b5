"""Compare installed versions with requirements.txt; prints what differs, and exits with 1 if something does."""
import importlib.metadata
import os
import sys

wrong = []
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements.txt")) as f:
    for line in f:
        name, _, want = line.partition("#")[0].strip().partition("==")
        if not name:
            continue
        try:
            have = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            have = "absent"
        if have.partition("+")[0] != want:
            wrong.append(f"{name}=={want} (here: {have})")
print("\n".join(wrong))
sys.exit(bool(wrong))
