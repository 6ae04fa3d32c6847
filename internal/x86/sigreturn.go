package x86

import "bytes"

// sigreturn is mov $15,%rax ; syscall.
var sigreturn = []byte{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}

// SigreturnLen is the length of a return from a signal handler.
const SigreturnLen = 9

// IsSigreturn tells whether code begins with the return from a signal handler: the call
// of rt_sigreturn as every libc writes it, since libgcc and gdb know the frame of a
// handler by these very bytes (MD_FALLBACK_FRAME_STATE_FOR in libgcc).
func IsSigreturn(code []byte) bool { return bytes.HasPrefix(code, sigreturn) }
