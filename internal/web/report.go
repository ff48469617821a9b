package web

import "html/template"

// Report is what a page of a gallery shows, top to bottom. Empty parts are left
// out, so that a page may be the whole gallery or one sheet of it.
type Report struct {
	Nav       []Link // the parts of the gallery
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
	Index     Index // of the atlas, where that is on other pages
	Atlas     Atlas
	Pictures  []Picture // a sheet of all pictures
	Pager     []Link    // the other sheets of this kind
	Foot      string
	Album     *Album // the pictures that are in the page; nil: all are files
}

// Link is a way to another place of the gallery.
type Link struct {
	Text    string
	Href    template.URL // "#" and an anchor, or a file beside the page
	Current bool         // it leads to where the reader is
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
	Class   string       // shows the picture, from Album.Add; empty: Src does
	Src     template.URL // a file beside the page, or from Thumb
	Href    template.URL // where more is said of the picture; empty: nowhere
	Anchor  string       // of this place, for links to it; empty: none
	Value   string       // the score or activation it is shown for; empty: none
	Bars    []Bar        // strongest first
	More    []Bar        // those after, which are shown on demand
}

// Alt says in words what the picture shows, as far as that is known.
func (p Picture) Alt() string {
	if p.Caption != "" {
		return p.Caption
	}
	return p.ID
}

// Bar is one concept in a picture.
type Bar struct {
	Label   string
	Latent  uint32       // the strongest behind it
	Href    template.URL // where the concept is shown; empty: nowhere
	Value   string       // activation
	Share   string       // part of the picture's code
	Title   string       // more, shown on hover
	Percent float64      // length of the bar, 0 to 100
	Asked   bool         // the concept the section is about
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
