"""A small U-Net (Ronneberger et al. 2015) for segmentation on a processor: depthwise-separable blocks, about a million weights."""

import torch
from torch import nn


def block(inside: int, outside: int) -> nn.Sequential:
    """Two 3 x 3 steps: a full one, then a depthwise-separable one, which costs a ninth."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
        nn.Conv2d(outside, outside, 3, padding=1, groups=outside, bias=False),
        nn.Conv2d(outside, outside, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Maps (n, 3, h, w) pictures to (n, classes, h, w) scores; h and w are multiples of 16."""

    def __init__(self, classes: int, width: int = 20) -> None:
        super().__init__()
        sizes = [width, width * 2, width * 4, width * 6, width * 8]
        self.down = nn.ModuleList([block(inside, outside) for inside, outside in zip([3, *sizes], sizes, strict=False)])
        self.up = nn.ModuleList([block(deep + flat, flat) for deep, flat in zip(sizes[:0:-1], sizes[-2::-1], strict=True)])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Score every pixel."""
        kept: list[torch.Tensor] = []
        value = picture
        for depth, step in enumerate(self.down):
            value = step(nn.functional.max_pool2d(value, 2) if depth else value)
            kept.append(value)
        for step, flat in zip(self.up, kept[-2::-1], strict=True):
            value = nn.functional.interpolate(value, scale_factor=2, mode="bilinear", align_corners=False)
            value = step(torch.cat([value, flat], dim=1))
        return self.head(value)
