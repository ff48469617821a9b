package kv

import (
	"syscall"
	"unsafe"
)

// mapFile maps a file for reading. The map outlives the descriptor; free ends it.
func mapFile(fd uintptr, size int64) (data []byte, free func() error, err error) {
	m, err := syscall.CreateFileMapping(syscall.Handle(fd), nil, syscall.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, nil, err
	}
	defer syscall.CloseHandle(m) // the view keeps the mapping
	at, err := syscall.MapViewOfFile(m, syscall.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, nil, err
	}
	data = unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), size)
	return data, func() error { return syscall.UnmapViewOfFile(at) }, nil
}
