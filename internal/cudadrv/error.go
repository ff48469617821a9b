package cudadrv

import (
	"errors"
	"fmt"
)

// ErrAbsent marks every error that says that there is no driver, or no device, to speak to.
var ErrAbsent = errors.New("there is no GPU to use")

// ErrMemory marks an allocation that did not fit the device.
var ErrMemory = errors.New("the device has not enough free memory")

// ErrLost marks an error after which the context is of no use: what was in device memory is gone, and every later call fails too.
var ErrLost = errors.New("the device is lost to this process")

// Codes of the driver that mean something here.
const (
	codeOutOfMemory       = 2
	codeNotInitialised    = 3
	codeNoDevice          = 100
	codeInvalidDevice     = 101
	codeUncorrectable     = 214
	codeHardwareStack     = 714
	codeIllegalAddress    = 700
	codeLaunchFailed      = 719
	codeLaunchTimeout     = 702
	codeMisalignedAddress = 716
)

// Error is what the driver said about a call.
type Error struct {
	Call string // the entry point
	Code int
	Name string // the driver's name of the code, such as CUDA_ERROR_OUT_OF_MEMORY
	Text string // its own words
	Log  string // of a module that could not be compiled: what the compiler said
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%d): %s", e.Call, e.Name, e.Code, e.Text)
	if e.Log != "" {
		s += ": " + e.Log
	}
	return s
}

// Is tells the kinds of errors apart for errors.Is.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrAbsent:
		return e.Code == codeNoDevice || e.Code == codeInvalidDevice
	case ErrMemory:
		return e.Code == codeOutOfMemory
	case ErrLost:
		switch e.Code {
		case codeUncorrectable, codeHardwareStack, codeIllegalAddress, codeLaunchFailed, codeLaunchTimeout, codeMisalignedAddress:
			return true
		}
	}
	return false
}
