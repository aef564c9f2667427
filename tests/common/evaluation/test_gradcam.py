"""Grad-CAM against maps computed by hand, CAM where the two are the same, and removal pixel by pixel."""

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from common.evaluation.gradcam import gradcam, remove_area
from common.models.resnet import resnet_encoder


class Pooled(nn.Module):
    """Feature maps that are the image itself, averaged, and a linear layer: Grad-CAM is CAM there."""

    def __init__(self, weight):
        super().__init__()
        self.features = nn.Identity()
        self.last = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.last.weight.copy_(weight)

    def forward(self, x):
        return self.last(self.features(x).mean((2, 3)))


class Squared(nn.Module):
    """Score 0 is (sum of channel 0)^2, score 1 is minus that, score 2 the sum of channel 1."""

    def __init__(self):
        super().__init__()
        self.features = nn.Identity()

    def forward(self, x):
        first, second = self.features(x).sum((2, 3)).unbind(1)
        return torch.stack([first**2, -(first**2), second], 1)


def test_linear_head_gives_the_class_activation_map():
    weight = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
    net = Pooled(weight)
    image = torch.tensor([[[1.0, 0.0], [3.0, 2.0]], [[0.0, 4.0], [1.0, 1.0]]])[None]
    # class 0: 2 A_0 - A_1 = [[2, -4], [5, 3]], ReLU, over 5; class 1: 3 A_1 over 12
    by_hand = torch.tensor([[[0.4, 0.0], [1.0, 0.6]], [[0.0, 1.0], [0.25, 0.25]]])
    found = gradcam(net, net.features, image.repeat(2, 1, 1, 1), torch.tensor([0, 1]))
    torch.testing.assert_close(found, by_hand)


def test_cam_of_random_heads():
    generator = torch.Generator().manual_seed(0)
    weight, images = torch.randn(5, 7, generator=generator), torch.randn(6, 7, 4, 4, generator=generator)
    net, classes = Pooled(weight), torch.tensor([0, 1, 2, 3, 4, 0])
    cam = torch.relu(torch.einsum("nk,nkhw->nhw", weight[classes], images))
    torch.testing.assert_close(gradcam(net, net.features, images, classes), cam / cam.amax((1, 2), keepdim=True))


def test_squared_score_weighs_by_its_slope():
    net = Squared()
    image = torch.tensor([[[1.0, 0.0], [0.0, 3.0]], [[2.0, 2.0], [0.0, 0.0]]])[None].repeat(3, 1, 1, 1)
    # slopes: 2 (1 + 3) = 8 everywhere for score 0, -8 for score 1 (nothing speaks for it), 1 for score 2
    by_hand = torch.tensor([[[1 / 3, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])
    torch.testing.assert_close(gradcam(net, net.features, image, torch.tensor([0, 1, 2])), by_hand)


def test_a_spatial_head_weighs_by_the_mean_slope():
    head = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(8, 1, bias=False))
    slopes = torch.tensor([[4.0, 0.0, 0.0, 0.0], [-1.0, -1.0, -1.0, 1.0]])  # means 1 and -0.5
    with torch.no_grad():
        head[2].weight.copy_(slopes.reshape(1, 8))
    image = torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, -8.0]]])[None]
    by_hand = torch.tensor([[[0.25, 0.25], [0.0, 1.0]]])  # A_0 - A_1 / 2 = [[1, 1], [0, 4]]
    torch.testing.assert_close(gradcam(head, head[0], image, torch.tensor([0])), by_hand)


def test_a_coarse_map_is_brought_to_the_image():
    net = nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    image = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    wide = interpolate(nn.functional.avg_pool2d(image, 2), size=(4, 4), mode="bilinear", align_corners=False)[:, 0]
    found = gradcam(net, net[0], image, torch.tensor([0]))
    assert found.shape == (1, 4, 4)
    torch.testing.assert_close(found, wide / wide.max())


def test_the_model_is_left_as_it_was_and_nothing_need_be_trainable():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    net.train()
    net[1].eval()
    net[4].weight.grad = torch.ones_like(net[4].weight)
    images, classes = torch.rand(5, 3, 4, 4), torch.tensor([0, 1, 0, 1, 1])
    before = net[1].running_mean.clone()
    found = gradcam(net, net[0], images, classes)
    assert net.training
    assert net[0].training
    assert not net[1].training
    assert torch.equal(net[1].running_mean, before)
    assert net[0].weight.grad is None
    assert bool((net[4].weight.grad == 1).all())
    assert not net[0]._forward_hooks
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(gradcam(net, net[0], images, classes), found)
    with pytest.raises(RuntimeError):
        gradcam(net, net[0], torch.rand(5, 2, 4, 4), classes)  # two channels where three are needed
    assert net.training
    assert not net[0]._forward_hooks


def test_a_change_in_place_above_the_layer_does_not_reach_the_map():
    torch.manual_seed(0)
    first = nn.Conv2d(1, 3, 1)
    plain = nn.Sequential(first, nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
    in_place = nn.Sequential(first, nn.ReLU(inplace=True), nn.Flatten(), plain[3])
    images, classes = torch.randn(4, 1, 4, 4), torch.tensor([0, 1, 0, 1])
    wanted = gradcam(plain, first, images, classes)
    assert float(wanted.max()) == 1
    assert torch.equal(gradcam(in_place, first, images, classes), wanted)


def test_resnet_maps_do_not_depend_on_the_batch():
    encoder = resnet_encoder(torch.Generator().manual_seed(0), 18)
    net = nn.Sequential(encoder, nn.Linear(512, 7))
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    classes = torch.tensor([6, 0, 3])
    together = gradcam(net, encoder.stage2, images, classes)
    assert together.shape == (3, 32, 32)
    assert float(together.min()) >= 0
    assert torch.equal(together.amax((1, 2)), torch.ones(3))
    alone = torch.cat([gradcam(net, encoder.stage2, images[k : k + 1], classes[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(alone, together, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("classes", [torch.tensor([0]), torch.tensor([0, 2]), torch.tensor([-1, 0])])
def test_classes_that_do_not_fit(classes):
    net = Pooled(torch.ones(2, 3))
    with pytest.raises(ValueError, match="class"):
        gradcam(net, net.features, torch.rand(2, 3, 4, 4), classes)


def test_a_layer_without_a_map():
    net = Pooled(torch.ones(2, 3))
    for layer in (net.last, nn.Identity()):  # no height and width; not part of the network
        with pytest.raises(ValueError, match="feature map"):
            gradcam(net, layer, torch.rand(2, 3, 4, 4), torch.tensor([0, 1]))


def test_the_most_attended_pixels_go():
    images = torch.arange(32.0).reshape(2, 1, 4, 4) + 100
    cam = torch.stack([torch.linspace(0, 1, 16).reshape(4, 4), torch.linspace(1, 0.1, 16).reshape(4, 4)])
    painted = remove_area(images, cam, 0.25, 7.0)
    wanted = images.clone()
    wanted[0, 0, 3] = 7
    wanted[1, 0, 0] = 7
    assert torch.equal(painted, wanted)
    assert float(images.min()) == 100  # a copy


def test_colours_and_whole_numbers():
    images = torch.full((1, 3, 2, 2), 200, dtype=torch.uint8)
    cam = torch.tensor([[[0.2, 1.0], [0.0, 0.5]]])
    painted = remove_area(images, cam, 0.5, torch.tensor([1.4, 2.6, 255.0]))
    assert painted.dtype == torch.uint8
    assert painted[0, :, 0, 1].tolist() == [1, 3, 255]
    assert painted[0, :, 1, 1].tolist() == [1, 3, 255]
    assert bool((painted[0, :, :, 0] == 200).all())


@pytest.mark.parametrize(("share", "gone"), [(0.0, 0), (0.3, 5), (0.5, 8), (1.0, 15)])
def test_share_in_whole_pixels_and_nought_stays(share, gone):
    cam = torch.linspace(0, 1, 16).reshape(1, 4, 4)  # the first pixel's map is 0: it never goes
    assert int((remove_area(torch.ones(1, 1, 4, 4), cam, share, 0.0) == 0).sum()) == gone


def test_an_empty_map_removes_nothing_and_equal_pixels_go_in_order():
    images = torch.ones(1, 1, 2, 2)
    assert torch.equal(remove_area(images, torch.zeros(1, 2, 2), 0.5, 0.0), images)
    flat = remove_area(images, torch.full((1, 2, 2), 0.5), 0.5, 0.0)
    assert flat.flatten().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("cam", "share", "what"),
    [
        (torch.zeros(1, 2, 3), 0.5, "do not fit"),
        (torch.zeros(2, 2, 2), 0.5, "do not fit"),
        (torch.zeros(1, 2, 2), 1.5, "share"),
    ],
)
def test_removal_that_does_not_fit(cam, share, what):
    with pytest.raises(ValueError, match=what):
        remove_area(torch.ones(1, 3, 2, 2), cam, share, 0.0)
