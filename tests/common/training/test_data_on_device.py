import pytest
import torch

from common.models.vision import transforms
from common.training.augment import crop, flip, images, normalise
from common.training.batches import Batches
from common.training.seeding import generator


def pictures(n=40, size=9):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=generator("pictures"))


def epoch(source):
    source.start_epoch()
    return [source.take() for _ in range(len(source))]


def test_an_epoch_is_a_permutation_and_the_next_one_another():
    source = Batches({"x": torch.arange(23), "y": torch.arange(23) * 2}, 5, generator("o"))
    assert len(source) == 5
    first, second = (torch.cat([b["x"] for b in epoch(source)]) for _ in range(2))
    assert sorted(first.tolist()) == list(range(23)) == sorted(second.tolist())
    assert not torch.equal(first, second)
    assert all(torch.equal(b["y"], 2 * b["x"]) for b in epoch(source))


def test_a_remainder_may_be_dropped():
    source = Batches({"x": torch.arange(23)}, 5, generator("o"), drop_last=True)
    assert [len(b["x"]) for b in epoch(source)] == [5, 5, 5, 5]


def test_member_of_a_stack_sees_what_it_would_see_alone():
    shared, own = torch.arange(20), torch.arange(60).reshape(3, 20)
    seeds = (3, 4, 5)
    block = Batches({"s": shared, "o": own}, 8, [generator(s) for s in seeds], own=["o"])
    alone = Batches({"s": shared, "o": own[1]}, 8, generator(4))
    for ours, theirs in zip(epoch(block), epoch(alone), strict=True):
        assert torch.equal(ours["s"][1], theirs["s"])
        assert torch.equal(ours["o"][1], theirs["o"])


def test_resumed_batches_are_the_ones_that_would_have_come():
    def fresh():
        return Batches({"x": pictures()}, 16, generator("o"), transform=images("x", crop(2), flip()),
                       noise=generator("n"))  # fmt: skip

    whole, first, again = fresh(), fresh(), fresh()
    wanted = [b["x"] for _ in range(2) for b in epoch(whole)]
    epoch(first)
    first.start_epoch()
    first.take()
    again.load_state_dict({k: v.clone() for k, v in first.state_dict().items()})
    assert torch.equal(again.take()["x"], wanted[4])
    assert torch.equal(again.take()["x"], wanted[5])
    assert torch.equal(epoch(again)[0]["x"], epoch(whole)[0]["x"])


def test_wrong_lengths_and_batches_are_named():
    with pytest.raises(ValueError, match="different lengths"):
        Batches({"x": torch.arange(3), "y": torch.arange(4)}, 2, generator())
    with pytest.raises(ValueError, match="batch of 9 does not fit 3 rows"):
        Batches({"x": torch.arange(3)}, 9, generator())
    with pytest.raises(ValueError, match="one order per member"):
        Batches({"x": torch.arange(3)}, 2, generator(), own=["x"])


@pytest.mark.parametrize("change", [crop(2), flip()])
def test_a_random_change_without_a_generator_is_refused(change):
    """Every batch would be cropped and flipped alike, its first image as the first of every other."""
    source = Batches({"x": pictures()}, 16, generator("o"), transform=images("x", normalise(), change))
    source.start_epoch()
    with pytest.raises(ValueError, match="give the batches a generator to draw from"):
        source.take()
    source.noise = [generator("n")]
    source.take()


def test_a_change_that_draws_nothing_needs_no_generator():
    x = pictures()
    assert torch.equal(images("x", normalise())({"x": x}, ())["x"], normalise()(x, generator()))


def test_a_crop_is_a_window_of_the_padded_image_and_all_windows_come():
    x = pictures(400, 5)
    out = crop(1)(x, generator("c"))
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
    windows = [padded[:, :, i : i + 5, j : j + 5] for i in range(3) for j in range(3)]
    matches = torch.stack([(out == w).flatten(1).all(1) for w in windows])
    assert matches.any(0).all()
    counts = matches.sum(1).float()
    assert (counts - 400 / 9).abs().max() < 4 * (400 / 9 * 8 / 9) ** 0.5


def test_a_flip_mirrors_some_images_and_leaves_the_others():
    x = pictures(400)
    out = flip(0.25)(x, generator("f"))
    mirrored = (out == x.flip(-1)).flatten(1).all(1)
    assert ((out == x).flatten(1).all(1) | mirrored).all()
    assert mirrored.float().mean().item() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 400) ** 0.5)


def test_normalisation_is_torchvisions():
    x, mean, std = pictures(), (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    wanted = torch.stack([transforms.Normalize(mean, std)(image.float() / 255) for image in x])
    torch.testing.assert_close(normalise(mean, std)(x, generator()), wanted, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(normalise()(x, generator()), x.float() / 127.5 - 1, rtol=1e-6, atol=1e-6)


def test_each_member_of_a_stack_has_its_own_noise():
    x = pictures(8).expand(3, -1, -1, -1, -1)
    transform = images("x", crop(2), flip(), normalise())
    block = transform({"x": x}, [generator(s) for s in (1, 2, 3)])["x"]
    assert torch.equal(block[1], transform({"x": x[1]}, [generator(2)])["x"])
    assert not torch.equal(block[0], block[1])
