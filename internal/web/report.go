package web

import "html/template"

// Report is what a gallery page shows, top to bottom. Empty parts are left out.
type Report struct {
	Title     string
	Lead      string    // one or two sentences under the title
	Note      string    // where the vectors come from, what to keep in mind
	Facts     []Fact    // a row of figures
	Metrics   Table     // quality of the reconstruction
	Charts    []Chart   // beside the metrics
	Explained []Picture // pictures taken apart, shown large
	Concepts  []Concept
	Similar   []Similar
	Clusters  []Cluster
	Latents   []Latent
	Foot      string
}

// Fact is one figure of the header: "2,000" "pictures".
type Fact struct{ Value, Label string }

// Table is a small table of figures; every row has one cell per column.
type Table struct {
	Columns []string
	Rows    []TableRow
}

// TableRow is one line of a Table; Note explains the name to a newcomer.
type TableRow struct {
	Name, Note string
	Cells      []string
}

// Picture is one picture with what was found in it.
type Picture struct {
	ID      string
	Caption string
	Src     template.URL // from Thumb
	Value   string       // the score or activation it is shown for; empty: none
	Bars    []Bar        // strongest first
}

// Bar is one concept in a picture.
type Bar struct {
	Label   string
	Value   string
	Title   string  // more, shown on hover
	Percent float64 // length of the bar, 0 to 100
	Asked   bool    // the concept the section is about
}

// Concept is a word, the latents it is made of, and the pictures it finds.
type Concept struct {
	Word     string
	Count    int     // pictures in which it fires
	Group    []Share // descending
	Pictures []Picture
}

// Share is one latent of a concept's group.
type Share struct {
	Latent  uint32
	Percent string
}

// Latent is one latent with its names and the pictures that excite it most.
type Latent struct {
	Number   uint32
	Word     string   // empty: unnamed
	Runners  []string // names that came next
	Count    int      // pictures in which it fires
	Max      string   // its largest activation
	Pictures []Picture
}

// Similar is a picture with the pictures nearest to it, measured in two ways.
type Similar struct {
	To                   Picture
	ByLatents, ByVectors []Picture
}

// Cluster is a group of pictures.
type Cluster struct {
	Number   int
	Name     string
	Size     int
	Concepts []string // what sets it apart, the strongest first
	Pictures []Picture
}
