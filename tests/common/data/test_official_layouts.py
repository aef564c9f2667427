"""Readers on small files in the layouts of the whole sets, which are too large to be at hand."""

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pandas as pd
import pytest
from data_toys import registered, registry_of
from PIL import Image

import common.data
from common.data import DataError, dsprites
from common.data.readers import celeba, cifar10


def picture(colour, size=(8, 10), form="JPEG"):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, form)
    return buffer.getvalue()


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def load(tmp_path, drop):
    def run(reader, layout, files):
        for path, content in files.items():
            drop(f"data/raw/toy/{path}", content)
        listed = [registered(path, content) for path, content in files.items()]
        registry = registry_of(layouts={layout: listed}, reader=reader)
        return common.data.load("toy", registry=registry, root=tmp_path, mirrors=[], online=False)

    return run


def celeba_files(**changes):
    names = [f"{k:06d}.jpg" for k in range(1, 7)]
    lines = [str(len(names)), " ".join(celeba.ATTRIBUTES)]
    lines += [f"{name} " + " ".join("1" if k == row else "-1" for k in range(40)) for row, name in enumerate(names)]
    files = {
        "img_align_celeba.zip": zipped({f"img_align_celeba/{n}": picture((40 * k, 0, 0)) for k, n in enumerate(names)}),
        "list_attr_celeba.txt": "\r\n".join(lines).encode(),
        "identity_CelebA.txt": "\r\n".join(f"{n} {k % 3}" for k, n in enumerate(names)).encode(),
        "list_eval_partition.txt": "\r\n".join(f"{n} {k // 2}" for k, n in enumerate(names)).encode(),
    }
    return files | changes


def test_celeba_whole(load):
    found = load("celeba", "files", celeba_files())
    assert found.images.shape == (6, 3, 10, 8)
    assert found.images[:, 0, 5, 4].tolist() == pytest.approx([0, 40, 80, 120, 160, 200], abs=3)
    assert [int(found.labels[name].argmax()) for name in celeba.ATTRIBUTES[:6]] == [0, 1, 2, 3, 4, 5]
    assert found.groups.tolist() == [0, 1, 2, 0, 1, 2]
    assert {split: rows.tolist() for split, rows in found.splits.items()} == {
        "train": [0, 1],
        "valid": [2, 3],
        "test": [4, 5],
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"list_attr_celeba.txt": b"3\nnonsense"}, "not a list of the 40"),
        ({"identity_CelebA.txt": b"000002.jpg 1"}, "names other images"),
        ({"img_align_celeba.zip": zipped({"img_align_celeba/000001.jpg": picture("red")})}, "holds no member"),
        (
            {"img_align_celeba.zip": zipped({f"img_align_celeba/{k:06d}.jpg": b"no" for k in range(1, 7)})},
            "not a readable picture",
        ),
    ],
)
def test_celeba_that_does_not_fit_together_is_named(load, tmp_path, changes, words):
    with pytest.raises(DataError, match=words):
        load("celeba", "files", celeba_files(**changes))
    assert not list((tmp_path / "data/generated/toy").iterdir())


def test_fairface_whole(load):
    rows = {
        "train": "file,age,gender,race\ntrain/1.jpg,0-2,Male,White\ntrain/2.jpg,3-9,Female,Black\n",
        "val": "file,age,gender,race\nval/1.jpg,more than 70,Female,Middle Eastern\n",
    }
    images = {f"{name}.jpg": picture("red", (20, 20)) for name in ("train/1", "train/2", "val/1")}
    files = {f"fairface_label_{split}.csv": text.encode() for split, text in rows.items()}
    found = load("fairface", "files", files | {"fairface-img-margin025-trainval.zip": zipped(images)})
    assert found.images.shape == (3, 3, 20, 20)
    assert found.labels["age"].tolist() == [0, 1, 8]
    assert found.labels["race"].tolist() == [0, 1, 6]
    assert found.splits["val"].tolist() == [2]
    bad = files | {"fairface_label_val.csv": b"file,age,gender,race\nval/1.jpg,99,Male,White\n"}
    with pytest.raises(DataError, match=r"row 2 .* unknown class"):
        load("fairface", "files", bad | {"fairface-img-margin025-trainval.zip": zipped(images)})


def test_mnist_m_whole(load):
    members = {}
    for split, digits in (("train", (5, 0, 4)), ("test", (7,))):
        names = [f"{k:08d}.png" for k in range(len(digits))]
        members |= {
            f"mnist_m/mnist_m_{split}/{n}": picture((d, 9, 9), (32, 32), "PNG")
            for n, d in zip(names, digits, strict=True)
        }
        text = "".join(f"{n} {d}\n" for n, d in zip(names, digits, strict=True))
        members[f"mnist_m/mnist_m_{split}_labels.txt"] = text.encode()
    found = load("mnist_m", "archive", {"mnist_m.tar.gz": tarred(members)})
    assert found.images[:, 0, 0, 0].tolist() == found.labels["digit"].tolist() == [5, 0, 4, 7]
    assert found.splits["test"].tolist() == [3]


@pytest.mark.parametrize("layout", ["files", "archive"])
def test_stl10_whole(load, layout):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, 3, 96, 96), dtype=np.uint8)
    files = {
        "train_X.bin": images[:2].transpose(0, 1, 3, 2).tobytes(),  # planes are stored column by column
        "train_y.bin": bytes([1, 10]),
        "test_X.bin": images[2:].transpose(0, 1, 3, 2).tobytes(),
        "test_y.bin": bytes([4]),
    }
    if layout == "archive":
        files = {"stl10_binary.tar.gz": tarred({f"stl10_binary/{name}": blob for name, blob in files.items()})}
    found = load("stl10", layout, files)
    assert np.array_equal(found.images, images)
    assert found.labels["class"].tolist() == [0, 9, 3]
    assert found.splits["test"].tolist() == [2]


def cifar_batches(monkeypatch, **changes):
    """Return six small batches, pickled as the official ones are, whose MD5 count as official."""
    blobs = {}
    for k, name in enumerate(cifar10.OFFICIAL_MD5):
        batch = {"data": np.full((2, 3072), k, np.uint8), "labels": [k, k + 1]}
        blobs[name] = pickle.dumps(batch, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    blobs |= changes
    sums = {name: hashlib.md5(blob, usedforsecurity=False).hexdigest() for name, blob in blobs.items()}
    monkeypatch.setattr(cifar10, "OFFICIAL_MD5", sums)
    return blobs


@pytest.mark.parametrize("layout", ["batches", "archive"])
def test_cifar10_official(load, monkeypatch, layout):
    files = cifar_batches(monkeypatch)
    if layout == "archive":
        files = {"cifar-10-python.tar.gz": tarred({f"cifar-10-batches-py/{n}": b for n, b in files.items()})}
    found = load("cifar10", layout, files)
    assert found.images[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert found.labels["class"][:4].tolist() == [0, 1, 1, 2]
    assert found.splits["test"].tolist() == [10, 11]


def test_a_pickle_that_is_not_official_is_never_opened(load, monkeypatch):
    files = cifar_batches(monkeypatch)
    files["test_batch"] += b"!"
    with pytest.raises(DataError, match=r"test_batch has md5 .* expected"):
        load("cifar10", "batches", files)


class Wicked:
    def __reduce__(self):
        return os.system, ("exit 1",)


def test_a_pickle_that_asks_for_more_than_arrays_is_refused(load, monkeypatch):
    files = cifar_batches(monkeypatch, test_batch=pickle.dumps(Wicked(), protocol=2))
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.system, which no array needs"):
        load("cifar10", "batches", files)


def dsprites_file(rows, images=None, **changes):
    buffer = io.BytesIO()
    images = dsprites.draw(dsprites.factors_of(rows)) if images is None else images
    np.savez_compressed(buffer, imgs=images, latents_classes=dsprites.factors_of(rows), **changes)
    return buffer.getvalue()


def test_dsprites_as_released(load):
    rows = np.arange(100)
    name = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    found = load("dsprites", "npz", {name: dsprites_file(rows)})
    assert found.origin.kind == "real"
    assert np.array_equal(found.images[rows], dsprites.DrawnImages()[rows])
    assert found.labels["pos_y"][:40].tolist() == [*range(32), *range(8)]
    with pytest.raises(DataError, match="published order"):
        load("dsprites", "npz", {name: dsprites_file(rows + 1)})
    with pytest.raises(DataError, match="not rows of bytes"):
        load("dsprites", "npz", {name: dsprites_file(rows, images=np.zeros((100, 64, 64)))})


def test_us_census_without_its_columns_is_named(load):
    content = pd.DataFrame({"State": ["North"]}).to_csv(index=False).encode()
    with pytest.raises(DataError, match="no column 'County'"):
        load("us_census", "files", {"acs2015_census_tract_data.csv": content})


def test_communities_with_a_column_too_few_is_named(load):
    with pytest.raises(DataError, match="3 columns where 128 were expected"):
        load("communities", "files", {"communities.data": b"1,2,3\n"})


def test_an_unknown_income_is_named(load):
    row = b"39, Private, 1, Bachelors, 13, Never-married, Sales, Husband, White, Male, 0, 0, 40, Cuba, lots\n"
    with pytest.raises(DataError, match="an income is neither"):
        load("adult", "files", {"adult.data": row, "adult.test": b"|remark\n" + row})


def test_mnist_of_two_halves_is_named(load):
    ten, nine = (gzip.compress(struct.pack(">HBB", 0, 8, 1) + struct.pack(">I", n) + bytes(n)) for n in (10, 9))
    images = gzip.compress(struct.pack(">HBB", 0, 8, 3) + struct.pack(">3I", 10, 2, 2) + bytes(40))
    files = {f"{p}-images-idx3-ubyte.gz": images for p in ("train", "t10k")}
    files |= {"train-labels-idx1-ubyte.gz": ten, "t10k-labels-idx1-ubyte.gz": nine}
    with pytest.raises(DataError, match="test images and labels do not belong together"):
        load("mnist", "files", files)


@pytest.mark.parametrize(
    ("labels", "words"), [(bytes([0]), r"outside 1\.\.10"), (bytes([1, 2]), "1 images and 2 labels")]
)
def test_stl10_labels_that_do_not_fit_are_named(load, labels, words):
    strip = picture((1, 2, 3), (32, 32), "WEBP")
    with pytest.raises(DataError, match=words):
        load("stl10", "strips", {"train_32x32.webp.zip": zipped({"0.webp": strip}), "train_y.bin": labels})


def test_strips_of_another_width_are_refused(load):
    strip = picture((1, 2, 3), (31, 32), "WEBP")
    with pytest.raises(DataError, match="not a zip of 32-pixel strips"):
        load("stl10", "strips", {"train_32x32.webp.zip": zipped({"0.webp": strip}), "train_y.bin": bytes([1])})


def test_pictures_of_two_sizes_are_refused(load):
    images = {f"img_align_celeba/{k:06d}.jpg": picture("red", (8, 9 + k % 2)) for k in range(1, 7)}
    with pytest.raises(DataError, match=r"000002\.jpg: \(3, 9, 8\) pixels where \(3, 10, 8\)"):
        load("celeba", "files", celeba_files(**{"img_align_celeba.zip": zipped(images)}))


def test_an_attribute_beside_plus_and_minus_one_is_named(load):
    text = celeba_files()["list_attr_celeba.txt"].replace(b"000003.jpg -1", b"000003.jpg 0")
    with pytest.raises(DataError, match="neither -1 nor 1"):
        load("celeba", "files", celeba_files(**{"list_attr_celeba.txt": text}))


@pytest.mark.parametrize("text", [b"", b"00000000.png"])
def test_a_broken_list_of_digits_is_named(load, text):
    strips = zipped({"0.webp": picture((1, 2, 3), (32, 32), "WEBP")})
    files = {f"mnist_m_{split}.webp.zip": strips for split in ("train", "test")}
    lists = {f"mnist_m_{split}_labels.txt": b"00000000.png 1\n" for split in ("train", "test")}
    assert len(load("mnist_m", "strips", files | lists)) == 2
    with pytest.raises(DataError, match="not a list of file names and digits"):
        load("mnist_m", "strips", files | lists | {"mnist_m_test_labels.txt": text or b" "})
    with pytest.raises(DataError, match="same length"):
        load("mnist_m", "strips", files | lists | {"mnist_m_test_labels.txt": b"a 1 b 2"})


def test_fairface_labels_without_a_column_are_named(load):
    files = {f"fairface_label_{split}.csv": b"file,age,gender\nx,0-2,Male\n" for split in ("train", "val")}
    with pytest.raises(DataError, match="no column 'race'"):
        load("fairface", "files", files | {"a.zip": zipped({})})


def test_dsprites_stay_at_their_size(tmp_path):
    with pytest.raises(DataError, match="drawn at 64x64"):
        common.data.load("dsprites", root=tmp_path, mirrors=[], online=False, framing=common.data.Framing(size=32))


def test_a_part_of_a_table_is_a_table_of_its_own(load):
    rows = b"".join(
        b"%d, Private, 1, Bachelors, 13, Never-married, Sales, Husband, White, Male, 0, 0, 40, Cuba, %s\n" % row
        for row in ((30, b"<=50K"), (40, b">50K"))
    )
    found = load("adult", "files", {"adult.data": rows, "adult.test": b"|remark\n" + rows.replace(b"50K", b"50K.")})
    part = found.part("test")
    assert part.frame["age"].tolist() == [30, 40]
    assert part.frame["income"].tolist() == ["<=50K", ">50K"]
    assert (list(part.frame.index), part.splits["test"].tolist(), len(part)) == ([0, 1], [0, 1], 2)
