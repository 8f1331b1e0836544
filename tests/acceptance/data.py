"""Small synthetic data with the columns that the pipelines expect. Nothing here comes from a repository."""

from __future__ import annotations

import base64
import gzip
import random
import struct
from pathlib import Path

TITANIC = "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked"
IRIS = "sepal.length,sepal.width,petal.length,petal.width,variety"


def titanic(rows: int = 60) -> str:
    """A passenger list with names that hold commas."""
    chance = random.Random(1)
    lines = [TITANIC]
    for number in range(1, rows + 1):
        sex = chance.choice(["male", "female"])
        age = "" if chance.random() < 0.1 else str(chance.randint(1, 80))
        fields = [number, chance.randint(0, 1), chance.randint(1, 3), f'"Person, Nr. {number}"', sex, age]
        fields += [chance.randint(0, 3), chance.randint(0, 2), f"T {1000 + number}", f"{chance.uniform(5, 90):.4f}"]
        lines.append(",".join(map(str, [*fields, "", chance.choice("SCQ")])))
    return "\n".join(lines) + "\n"


def iris(rows: int = 150) -> str:
    """Three kinds of flowers that a classifier can tell apart."""
    chance = random.Random(2)
    lines = [IRIS]
    for number in range(rows):
        kind = number * 3 // rows
        middle = [(5.0, 3.4, 1.4, 0.2), (5.9, 2.7, 4.2, 1.3), (6.6, 3.0, 5.5, 2.0)][kind]
        lines.append(",".join(f"{value + chance.uniform(-0.2, 0.2):.1f}" for value in middle))
        lines[-1] += "," + ["Setosa", "Versicolor", "Virginica"][kind]
    return "\n".join(lines) + "\n"


def idx_files(folder: Path, train: int, test: int) -> None:
    """The four files of an MNIST-like set, unpacked: random pictures, labels 0 to 9."""
    chance = random.Random(3)
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("t10k", test)):
        images, labels = folder / f"{name}-images-idx3-ubyte", folder / f"{name}-labels-idx1-ubyte"
        images.write_bytes(struct.pack(">IIII", 2051, count, 28, 28) + chance.randbytes(count * 784))
        labels.write_bytes(struct.pack(">II", 2049, count) + bytes(chance.randrange(10) for _ in range(count)))


#: Of the orange juice sales: shops, brands, and weeks of each.
STORES, BRANDS, WEEKS = (1000, 1001, 1002, 1003, 1004), ("dominicks", "tropicana"), 60
_SHOP = "Age60,COLLEGE,INCOME,Hincome150,Large HH,Minorities,WorkingWoman,SSTRDIST,SSTRVOL,CPDIST5,CPWVOL5"


def orange_juice(weeks: int = 6) -> str:
    """Weekly sales with what is known of each shop."""
    chance = random.Random(5)
    lines = [f"WeekStarting,Store,Brand,Quantity,logQuantity,Advert,Price,{_SHOP}"]
    for store in STORES:
        shop = ",".join(f"{chance.random():.3f}" for _ in _SHOP.split(","))
        for brand in BRANDS:
            for week in range(weeks):
                sold = chance.randrange(64, 9000, 64)
                day = f"1990-0{1 + week // 4}-{1 + 7 * (week % 4):02}"
                lines.append(
                    f"{day},{store},{brand},{sold},{chance.uniform(4, 9):.4f},1,{chance.uniform(1, 3):.2f},{shop}"
                )
    return "\n".join(lines) + "\n"


def orange_juice_files(folder: Path, first_week: int, weeks: int) -> None:
    """One file for each shop and brand."""
    import datetime

    folder.mkdir(parents=True, exist_ok=True)
    for store in STORES:
        for brand in BRANDS:
            chance = random.Random(f"{store} {brand}")
            lines = ["WeekStarting,Store,Brand,Quantity,Advert,Price,Revenue"]
            for week in range(first_week + weeks):
                sold, price = chance.randrange(5000, 20000), chance.uniform(1.9, 2.7)
                if week >= first_week:
                    day = datetime.date(1990, 6, 14) + datetime.timedelta(weeks=week)
                    lines.append(f"{day},{store},{brand},{sold},1,{price:.2f},{sold * price:.2f}")
            (folder / f"Store{store}_{brand}.csv").write_text("\n".join(lines) + "\n")


def mnist_archives(folder: Path, count: int) -> None:
    """Four packed idx files of pictures that a simple model can tell apart."""
    chance = random.Random(6)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "t10k"):
        labels = bytes(chance.randrange(10) for _ in range(count))
        pictures = b"".join(bytes(25 * label + chance.randrange(20) for _ in range(784)) for label in labels)
        images = struct.pack(">IIII", 2051, count, 28, 28) + pictures
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">II", 2049, count) + labels))


def tiny_jpeg() -> bytes:
    """The smallest picture that decoders take."""
    return base64.b64decode(
        "/9j/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEB"
        "AREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k="
    )
