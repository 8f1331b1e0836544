"""Azure's VM sizes: those that pipelines in the wild name, and the rules of whole families."""

from __future__ import annotations

import pytest

from mlsteps.compute.vm_sizes import Resources, resources

#: From Azure's published tables.
KNOWN = {
    "STANDARD_D2_V2": (2, 7, 0),
    "STANDARD_D2_v2": (2, 7, 0),
    "STANDARD_D3_V2": (4, 14, 0),
    "STANDARD_DS3_V2": (4, 14, 0),
    "STANDARD_DS11_V2": (2, 14, 0),
    "STANDARD_DS12_V2": (4, 28, 0),
    "STANDARD_D13_V2": (8, 56, 0),
    "STANDARD_D14_V2": (16, 112, 0),
    "STANDARD_D16S_V3": (16, 64, 0),
    "Standard_D2": (2, 7, 0),
    "STANDARD_NC6": (6, 56, 1),
    "Standard_NC6s_v3": (6, 112, 1),
    "Standard_NC24rs_v3": (24, 448, 4),
    "Standard_NC8as_T4_v3": (8, 56, 1),
    "Standard_ND40rs_v2": (40, 672, 8),
    "Standard_NV6": (6, 56, 1),
    "Standard_D4ds_v5": (4, 16, 0),
    "Standard_D4ls_v5": (4, 8, 0),
    "Standard_E8s_v3": (8, 64, 0),
    "Standard_F16s_v2": (16, 32, 0),
    "Standard_B2s": (2, 4, 0),
    "Standard_B1s": (1, 1, 0),
    "standard_a2m_v2": (2, 16, 0),
    "Standard_M64ms": (64, 1792, 0),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_a_node_has(name):
    assert resources(name) == Resources(*KNOWN[name])


@pytest.mark.parametrize("name", ["", None, "STANDARD_", "gpu", "Standard_D2_v99", "D", "Standard_Dx_v3"])
def test_a_size_nobody_knows_says_nothing(name):
    assert resources(name) is None
