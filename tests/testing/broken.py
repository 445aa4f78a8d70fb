"""Plugins that break their contract, each in one way."""

from __future__ import annotations

METHODS = {
    "sizes": "return a[..., : a.shape[-2] // 2 * 2, :] * 1.0",
    "batch = loop": "return (a + b) / 2 * (0.5 + a.mean())",
    "tiles = whole": "return (a + torch.nn.functional.avg_pool2d(b, 15, 1, 7, count_include_pad=False)) / 2",
    "determinism": "return (a + torch.rand(a.shape, device=a.device)) / 2",
    "inputs unchanged": "return a.add_(b).div_(2)",
    "flat and equal sources": "return a / a.amax((1, 2, 3), keepdim=True)",
    "device": "return torch.maximum(a, b + torch.zeros(b.shape))",
    "process unchanged": "print('done'); return torch.maximum(a, b)",
    "range": "return 255 * torch.maximum(a, b)",
}
PROCESS = {
    "torch's number of threads": "torch.set_num_threads(torch.get_num_threads() + 1)",
    "torch's default dtype": "torch.set_default_dtype(torch.float64)",
    "the current folder": "os.chdir('/')",
    "environment variables": "os.environ['FUSED'] = '1'",
    "signal handlers": "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    "NumPy's treatment of errors": "np.seterr(all='raise')",
    "torch's random numbers": "torch.manual_seed(1)",
    "NumPy's random numbers": "np.random.seed(1)",
    "Python's random numbers": "random.seed(1)",
}
METRICS = {
    "batch = loop": ("F", "0..", "return planes.fused.mean((-2, -1)) + len(planes)"),
    "values": ("F", "0..", "return planes.fused.mean()"),
    "range": ("F", "0..1", "return planes.fused.mean((-2, -1))"),
    "operands": ("F|A,B", "0..", "return planes.fused.mean((-2, -1))"),
    "inputs unchanged": ("F", "any", "return planes.fused.sub_(1).mean((-2, -1))"),
    "flat images": ("F", "0..", "assert planes.fused.std() > 0; return planes.fused.std((-2, -1))"),
    "device": ("F", "0..", "return (planes.fused * torch.ones(planes.fused.shape)).mean((-2, -1))"),
}
IMPORTS = "import os, random, signal\nimport numpy as np\nimport torch\nimport fusionbench as fb\n"


def method(body: str) -> str:
    """Code of a plugin with the method ``broken``."""
    return f'{IMPORTS}\n\n@fb.method("broken", tasks=["IVF"], overlap=16)\ndef fuse(a, b):\n    {body}\n'


def metric(operands: str, values: str, body: str) -> str:
    """Code of a plugin with the metric ``Broken``."""
    return (
        f"{IMPORTS}\n\ndef broken(planes):\n    {body}\n\n\ndef fusionbench_metrics():\n"
        f'    return [fb.MetricSpec(name="Broken", profile="", operands={operands!r}, higher_is_better=True, '
        f"function=broken, range={values!r})]\n"
    )
