package huge

import "syscall"

// advise is a wish: an error only says that it is not granted.
func advise(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }
