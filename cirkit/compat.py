"""One guard for one mismatch: a torchvision whose compiled operators do not load beside this torch.

It happens when torchvision was built for CUDA and torch for the CPU; without the guard timm, open_clip and
transformers cannot be imported.
"""

import sys

import torch

_kept: list[torch.library.Library] = []  # a library that is collected takes its operators with it


def ensure_torchvision() -> str:
    """Make `import torchvision` work and say how: "native", or "shim" when its operators had to be declared first.

    Call it before importing timm, open_clip or transformers. With the shim everything in torchvision works but the
    compiled operators themselves (`nms`, `roi_align` on the GPU), which raise torchvision's own message.
    """
    if _kept:
        return "shim"
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)
        import torchvision  # noqa: F401

        return "shim"
    return "native"
