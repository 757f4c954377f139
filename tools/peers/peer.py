"""The PyTorch + transformers side of the peer benchmark: a process that answers one JSON line with one JSON line.

    python peer.py train DIR MODE      training steps; MODE is eager or compile
    python peer.py generate DIR        transformers' generate
    python peer.py product             x W^T, the product that a step is made of

fp32 throughout, `threads` as given by PEER_THREADS. Requests: {"steps": n} for train, {"batch": n, "seed": s} for generate, {"runs": n} for
product.
"""

import json
import os
import sys
import time

import torch
import transformers

torch.set_num_threads(int(os.environ["PEER_THREADS"]))
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()

SHAPE = json.loads(os.environ["PEER_SHAPE"])


def say(message):
    print(json.dumps(message), flush=True)


def tokens(rows, length, seed):
    """The same tokens as ours.ts makes: a linear congruential sequence."""
    state = seed
    values = []
    for _ in range(rows * length):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append((state >> 8) % SHAPE["vocab"])
    return torch.tensor(values).reshape(rows, length)


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def reset_peak():
    """From here on the peak is that of what follows, not of loading."""
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def load(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.generation_config.eos_token_id = None
    return model


def versions():
    return {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "threads": torch.get_num_threads(),
    }


def train(folder, mode):
    model = load(folder).train()
    run = torch.compile(model) if mode == "compile" else model
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, fused=True
    )
    ids = tokens(SHAPE["rows"], SHAPE["length"], 7)
    losses = []

    def step():
        # transformers shifts the labels itself; the mean is over rows x (length - 1) tokens.
        loss = run(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())

    base = peak_bytes()
    for _ in range(SHAPE["warmup"]):
        step()
    reset_peak()
    say({"ready": versions() | {"loadedBytes": base}})
    for line in sys.stdin:
        seconds = []
        for _ in range(json.loads(line)["steps"]):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        say({"seconds": seconds, "losses": losses, "peakBytes": peak_bytes()})


def generate(folder):
    model = load(folder).eval()

    def run(batch, new_tokens, seed):
        ids = tokens(batch, SHAPE["prompt"], seed)
        torch.manual_seed(seed)
        return model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=new_tokens,
            min_new_tokens=new_tokens,
            eos_token_id=None,
            pad_token_id=0,
        )

    with torch.inference_mode():
        run(4, SHAPE["newTokens"], 0)
        say({"ready": versions()})
        for line in sys.stdin:
            request = json.loads(line)
            start = time.perf_counter()
            out = run(request["batch"], SHAPE["newTokens"], request["seed"])
            seconds = time.perf_counter() - start
            say({"seconds": [seconds], "tokens": int(out.shape[0] * (out.shape[1] - SHAPE["prompt"]))})


def product():
    x = torch.randn(SHAPE["rows"] * SHAPE["length"], SHAPE["hidden"])
    w = torch.randn(SHAPE["intermediate"], SHAPE["hidden"])
    y = torch.empty(x.shape[0], w.shape[0])
    say({"ready": versions()})
    with torch.inference_mode():
        for line in sys.stdin:
            seconds = []
            for _ in range(json.loads(line)["runs"]):
                start = time.perf_counter()
                torch.mm(x, w.T, out=y)
                seconds.append(time.perf_counter() - start)
            say({"seconds": seconds})


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"train": train, "generate": generate, "product": product}[command](*arguments)
