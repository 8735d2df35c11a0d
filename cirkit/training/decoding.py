"""How a decoder of CLIP's vectors learns: the colours of the image that a vector is of.

No paper: CompoDiff §5.5 takes Karlo's decoder as it is.
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, l1_loss

from cirkit.encoders.clip import Clip
from cirkit.examples import Captions, Features
from cirkit.models.decoder import Decoder


def vectors_and_images(clip: Clip, batch: Captions) -> Mapping[str, Tensor]:
    """Images for `CachedFeatures`: CLIP's vectors of them as `vector`, and their colours as `image`."""
    return {"vector": clip.image(batch.image), "image": batch.image}


def reconstruction(model: Decoder, batch: Features) -> Float[Tensor, ""]:
    """The mean absolute difference of the colours, from 0 to 1, at the decoder's size."""
    colours = batch.tensors["image"].float() / 255
    if colours.shape[-1] != model.pixels:
        colours = interpolate(colours, size=(model.pixels, model.pixels), mode="bilinear", antialias=True)
    return l1_loss(model(batch.tensors["vector"]), colours)
