"""The SDK's top package. Everything below it is made by ``mlsteps.sdk.surface``."""

import sys

from mlsteps.sdk.surface.modules import equip, install

install()
equip(sys.modules[__name__])
