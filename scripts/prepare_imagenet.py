#!/usr/bin/env python3
"""Make TinyImageNet images fit an ImageNet classifier of 224x224: tinyimagenet_val_300.npz -> OUT.npz.

Needs: numpy pillow
Usage: prepare_imagenet.py DATA_DIR OUT.npz

OUT.npz holds x, uint8 (300,224,224,3), resized bilinearly, and y, the labels among ImageNet's 1000 classes. (A network
that chooses among all 1000 scores lower on it than one whose choice is narrowed to TinyImageNet's 200.)
"""
import pathlib
import sys

import numpy as np
from PIL import Image

SIDE = 224


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    data = np.load(pathlib.Path(sys.argv[1]) / "tinyimagenet_val_300.npz")
    images = [np.asarray(Image.fromarray(i).resize((SIDE, SIDE), Image.BILINEAR)) for i in data["x"]]
    np.savez_compressed(sys.argv[2], x=np.stack(images), y=data["imagenet_index"][data["y"]].astype(np.int64))


if __name__ == "__main__":
    main()
