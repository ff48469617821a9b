package clip

// Options say how Open opens. A nil *Options and every zero field mean the default.
type Options struct {
	Library string // file of ONNX Runtime's library, as FindRuntime returns it
	Digests string // file that remembers the digests of weights, so that they are not read again at each Open; "": none
	Threads int    // for one call; 0: GOMAXPROCS. Vectors do not depend on it beyond rounding
}

// MinRuntime is the oldest ONNX Runtime that can be used: the one whose C interface this program was built against.
const MinRuntime = "1.24"
