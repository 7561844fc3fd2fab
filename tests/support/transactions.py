"""Records of changes to partitions, as a command that was cut off leaves them."""

from msgspec.structs import replace

from hardboot.device.phone import Phone
from hardboot.flows import transaction_record
from hardboot.flows.transaction_record import PartitionWrite, Transaction


def one_write(**changes: object) -> PartitionWrite:
    """Return a write of an image that holds nothing of what any partition holds."""
    made = PartitionWrite(
        partition="boot",
        image="new.img",
        size=8192,
        old_sha256="1" * 64,
        old_size=8192,
        new_sha256="0" * 64,
        backup="/old.img",
        state="begun",
    )
    return replace(made, **changes)


def left_behind(
    phone: Phone, *writes: PartitionWrite, way: str = "restore", put_back: bool = False
) -> Transaction:
    """Keep the record of a change that was cut off, or that is to be put back."""
    writes = writes or (one_write(),)
    return transaction_record.keep(phone, transaction_record.new(phone, way, writes, put_back=put_back))
