// Package setup installs what an encoder needs: ONNX Runtime and a model.
//
// A Home is the folder they are installed in, a Hub the place a model's files are fetched from, a Source a model that
// is known by name, and a Client (npm or pip) brings ONNX Runtime. Whatever is installed is made beside its place,
// checked there, and renamed: a name that exists stands for something whole. Nothing here asks or prints.
package setup
