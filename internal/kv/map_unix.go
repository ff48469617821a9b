//go:build unix

package kv

import "syscall"

// mapFile maps a file for reading. The map outlives the descriptor; free ends it.
func mapFile(fd uintptr, size int64) (data []byte, free func() error, err error) {
	data, err = syscall.Mmap(int(fd), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	return data, func() error { return syscall.Munmap(data) }, err
}
