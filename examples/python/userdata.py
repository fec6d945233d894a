"""The C library from Python, by ctypes: no build, no package beside libuserdata.so.0."""

import ctypes
from ctypes import POINTER, byref, c_char_p, c_size_t, c_uint32, c_uint64, c_void_p

C = ctypes.CDLL("libuserdata.so.0")
C.userdata_strerror.restype = c_char_p
DOMAIN = [c_void_p, c_uint32, c_char_p, c_char_p]  # context, domid, 16 bytes of uuid, userid
C.userdata_store.argtypes = DOMAIN + [c_char_p, c_size_t]
C.userdata_retrieve.argtypes = DOMAIN + [POINTER(c_void_p), POINTER(c_size_t)]
C.userdata_remove.argtypes = DOMAIN
C.userdata_free.argtypes = C.userdata_ctx_free.argtypes = [c_void_p]
C.userdata_free.restype = C.userdata_ctx_free.restype = None


class Options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("hypervisor", c_char_p), ("directory", c_char_p),
                ("log", c_void_p), ("log_user", c_void_p), ("deadline_ms", c_uint32),
                ("durability", c_uint32), ("value_max", c_uint64), ("flags", c_uint64)]


def check(code):
    if code:
        raise OSError(code, C.userdata_strerror(code).decode())


class Userdata:
    """The values of a host: "xen", or "sim:FILE" for a simulated one."""

    def __init__(self, hypervisor="xen"):
        self.context = c_void_p()
        options = Options(size=ctypes.sizeof(Options), hypervisor=hypervisor.encode())
        check(C.userdata_ctx_alloc(byref(self.context), c_uint32(1), byref(options)))

    def __del__(self):
        C.userdata_ctx_free(self.context)

    def store(self, domid, userid, value, uuid=None):
        check(C.userdata_store(self.context, domid, uuid, userid.encode(), value, len(value)))

    def retrieve(self, domid, userid, uuid=None):
        """The value, or None."""
        data, size = c_void_p(), c_size_t()
        check(C.userdata_retrieve(
            self.context, domid, uuid, userid.encode(), byref(data), byref(size)))
        value = ctypes.string_at(data, size.value) if data else None
        C.userdata_free(data)
        return value

    def remove(self, domid, userid, uuid=None):
        check(C.userdata_remove(self.context, domid, uuid, userid.encode()))
