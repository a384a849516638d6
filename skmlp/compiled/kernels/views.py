"""Parts of flat arrays as vectors and matrices.

numba's slices and ``reshape`` do the same, but allow for negative indices, steps and arrays of any layout:
they take ten times as long to compile, and a part of the time of a step of a small network.
"""

from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array


@intrinsic
def view(typing_context, room, start, shape):
    """Return the elements of flat ``room`` from ``start`` on as an array of this ``shape``, a tuple."""
    integers = types.UniTuple(types.intp, len(shape))
    array = types.Array(room.dtype, len(shape), "C", readonly=not room.mutable)

    def generate(context, builder, signature, arguments):
        flat = context.make_array(room)(context, builder, arguments[0])
        lengths = unpack_tuple(builder, arguments[2])
        size = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(room.dtype)))
        strides = [size]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        result = context.make_array(array)(context, builder)
        populate_array(
            result,
            data=builder.gep(flat.data, [arguments[1]]),
            shape=lengths,
            strides=strides,
            itemsize=size,
            meminfo=None,
        )
        return result._getvalue()

    return array(room, types.intp, integers), generate
