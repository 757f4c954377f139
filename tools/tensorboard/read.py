"""Reads a run's event files with TensorBoard itself and compares every scalar with metrics.jsonl.

pip install -r tools/tensorboard/requirements.txt
npx ifrl train --steps 4 --name tb --set metrics.tensorBoard=true
python3 tools/tensorboard/read.py runs/tb
"""
import json
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = sys.argv[1]
events = EventAccumulator(f"{run}/tensorboard", size_guidance={"scalars": 0})
events.Reload()
found = {(tag, e.step): e.value for tag in events.Tags()["scalars"] for e in events.Scalars(tag)}

expected = {}
with open(f"{run}/metrics.jsonl") as lines:
    for line in lines:
        record = json.loads(line)
        step = record.pop("step")
        # Event files keep float32, and nothing that is not finite.
        expected.update({(tag, step): struct.unpack("f", struct.pack("f", value))[0] for tag, value in record.items() if not isinstance(value, str)})

assert found == expected, f"{len(found)} scalars in the event files, {len(expected)} in metrics.jsonl, {len(set(found.items()) ^ set(expected.items()))} differ"
print(f"{len(found)} scalars of {len({tag for tag, _ in found})} tags over {len({step for _, step in found})} steps: TensorBoard reads what metrics.jsonl says")
