"""CRC-32C (Castagnoli), the checksum of TensorFlow's files, in numpy."""

from __future__ import annotations

import numpy as np

_POLYNOMIAL = 0x82F63B78  # bit-reversed
_MASK_DELTA = 0xA282EAD8


def _table() -> np.ndarray:
    register = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        register = np.where(register & 1, (register >> 1) ^ np.uint32(_POLYNOMIAL), register >> 1)
    return register.astype(np.uint32)


_TABLE = _table()


def crc32c(data: bytes | memoryview) -> int:
    """Checksum of the data: ``crc32c(b"123456789") == 0xE3069283`` (RFC 3720)."""
    register = 0xFFFFFFFF
    values = np.frombuffer(data, np.uint8)
    lanes = int(len(values) ** 0.5) // 8
    if lanes > 1:
        # The register is linear in the data, so equal stretches run side by side, each from zero, and are then
        # joined: what comes before a stretch acts on it as if the stretch were zeros.
        length = len(values) // lanes
        stretches, values = values[: lanes * length].reshape(lanes, length), values[lanes * length :]
        registers = _advance(np.zeros(lanes, np.uint32), stretches.T)
        powers = np.uint32(1) << np.arange(32, dtype=np.uint32)
        over_zeros = _advance(powers, np.zeros((length, 1), np.uint8)).tolist()
        for stretch in registers.tolist():
            shifted = stretch
            for bit in range(32):
                if register >> bit & 1:
                    shifted ^= over_zeros[bit]
            register = shifted
    table = _TABLE.tolist()
    for byte in values.tolist():
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return register ^ 0xFFFFFFFF


def masked_crc32c(data: bytes | memoryview) -> int:
    """The checksum as LevelDB tables and TensorFlow store it, so that a CRC of CRCs stays useful."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _advance(registers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Feed one byte per register and step."""
    for row in rows:
        registers = _TABLE[(registers ^ row) & 0xFF] ^ (registers >> 8)
    return registers
