package web_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/saedb/saedb/internal/web"
)

// sample is a report with every part filled, and words that try to break out.
func sample(t testing.TB) *web.Report {
	photo := func(i int) []byte {
		m := image.NewRGBA(image.Rect(0, 0, 96, 72))
		for y := range 72 {
			for x := range 96 {
				m.Set(x, y, color.RGBA{uint8(x*2 + i*40), uint8(y*3 + i*25), uint8(200 - i*17), 255})
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	bars := []web.Bar{
		{Label: "dog", Value: "3.05", Share: "31%", Percent: 100, Asked: true, Title: "latents 4, 811", Href: "#latent-0"},
		{Label: "grass", Value: "1.77", Share: "18%", Percent: 58},
		{Label: "running along the beach at dusk", Value: "0.89", Share: "9%", Percent: 29},
	}
	album := &web.Album{}
	var pics []web.Picture
	for i := range 11 {
		id := fmt.Sprintf("flickr8k/a-rather-long-folder/%07d.jpg", i*91237)
		p := web.Picture{ID: id, Class: album.Add(id, photo(i)), Value: fmt.Sprintf("%.2f", 9.1-float64(i)/3), Bars: bars, More: bars[1:]}
		if i%2 == 0 {
			p.Caption = "A brown dog runs through the grass with a ball in its mouth while another one looks on."
		}
		if i%5 == 4 {
			p.Class, p.Src = "", web.Thumb(id, nil)
		}
		pics = append(pics, p)
	}
	loss := make([]float64, 900)
	for i := range loss {
		loss[i] = 1 / (1 + float64(i)/20)
	}
	density := web.Histogram("How often latents fire", []int{3, 0, 9, 30, 70, 110, 84, 31, 12, 2}, func(i int) string { return fmt.Sprint("bin ", i) })
	density.Left, density.Right = "once in 10,000", "in every picture"
	lossChart := web.Line("Training loss", loss)
	lossChart.Left, lossChart.Right = "first step", "step 900"
	r := &web.Report{
		Title: "2,000 pictures, 512 concepts",
		Lead:  "A sparse autoencoder was trained on the vectors of these pictures; every latent was named from a vocabulary.",
		Note:  "The vectors come from a small stand-in encoder.",
		Facts: []web.Fact{{Value: "2,000", Label: "pictures"}, {Value: "512", Label: "latents"}, {Value: "16", Label: "active per picture"}, {Value: "498", Label: "alive"}, {Value: "371", Label: "concepts"}},
		Metrics: web.Table{Columns: []string{"training", "held out"}, Rows: []web.TableRow{
			{Name: "FVU", Note: "part of the variance that is lost, per picture", Cells: []string{"0.0824", "0.1012"}},
			{Name: "cosine", Cells: []string{"0.9611", "0.9502"}},
		}},
		Charts:    []web.Chart{lossChart, density},
		Explained: pics[:3],
		Foot:      "Made by saectl gallery.",
		Album:     album,
		Nav:       []web.Link{{Text: "Concepts", Href: "#concepts", Current: true}, {Text: "Atlas", Href: "#atlas"}},
	}
	for _, w := range []string{"dog", "sea shore", `<script>alert("x")</script>`} {
		r.Concepts = append(r.Concepts, web.Concept{Word: w, Count: 42, Group: []web.Share{{Latent: 4, Percent: "61 %"}, {Latent: 811, Percent: "39 %"}}, Pictures: pics})
	}
	r.Similar = []web.Similar{{To: pics[0], ByLatents: pics[1:5], ByVectors: pics[2:6]}}
	for i, name := range []string{"dog, grass", `"><b>bold`, ""} {
		r.Clusters = append(r.Clusters, web.Cluster{Number: i, Name: name, Size: 40 - i, Concepts: []string{"dog 6%", "grass 4%"}, Pictures: pics[:8]})
	}
	for i := range 5 {
		l := web.Latent{
			Number: uint32(i * 77), Word: "Dog", Score: 0.44, Margin: 0.012, Confidence: 0.81, Reason: "40 pictures fire it", Count: i + 1, Density: float64(i+1) / 2000, Max: 4.71, Pictures: pics[:6],
			Runners: []web.Candidate{{Word: "puppy", Score: 0.43}, {Word: `"><script>x()</script>`, Score: 0.4}},
			Same:    []web.Link{{Text: "0", Href: "#latent-0"}},
		}
		if i == 2 {
			l.Word, l.Runners, l.Same = "", nil, nil
		}
		r.Atlas.Latents = append(r.Atlas.Latents, l)
	}
	r.Atlas.Note = "Showing 5 of 512 latents."
	return r
}

func render(t testing.TB, r *web.Report) string {
	p, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Report(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The report is one file: nothing in it points elsewhere, and its policy would
// stop it if it did.
func TestReportIsSelfContained(t *testing.T) {
	page := render(t, sample(t))
	if dir := os.Getenv("SAEDB_WEB_SAMPLE"); dir != "" {
		if err := os.WriteFile(dir, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"|url\("([^"]*)"\)`).FindAllStringSubmatch(page, -1) {
		if to := m[1] + m[2]; !strings.HasPrefix(to, "data:image/") && !strings.HasPrefix(to, "#") {
			t.Errorf("points outside the file: %s", m[0])
		}
	}
	for _, bad := range []string{"http://", "https://", "@import", "javascript:", " style=", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts, want the one that filters", n)
	}
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	allowed := strings.NewReplacer("&#43;", "+", "&#39;", "'").Replace(policy[1])
	inline := regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`).FindAllStringSubmatch(page, -1)
	if len(inline) != 3 {
		t.Fatalf("%d inline texts, want style, pictures and script", len(inline))
	}
	for _, m := range inline {
		sum := sha256.Sum256([]byte(m[2]))
		want := regexp.QuoteMeta("'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
		if !regexp.MustCompile(m[1] + `-src [^;]*` + want).MatchString(allowed) {
			t.Errorf("the policy %s does not allow a %s: %s", allowed, m[1], want)
		}
	}
}

// Every link of the page has its target, whatever the words are.
func TestReportLinksHaveTargets(t *testing.T) {
	page := render(t, sample(t))
	links := regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 4 {
		t.Fatalf("%d links", len(links))
	}
	for _, m := range links {
		if n := strings.Count(page, ` id="`+m[1]+`"`); n != 1 {
			t.Errorf("#%s has %d targets", m[1], n)
		}
	}
}

func TestReportShowsSimilarPicturesAndClusters(t *testing.T) {
	page := render(t, sample(t))
	for _, part := range []string{`<h2 id="similar">`, "<h4>by latents</h4>", "<h4>by vectors</h4>", `<h2 id="clusters">`, `id="cluster-1"`, "<h3>cluster 2</h3>", "dog 6%, grass 4%", "· 39 pictures", "&#34;&gt;&lt;b&gt;bold"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
}

// An empty report is still a page, without the headings of what is missing.
func TestReportLeavesOutWhatIsEmpty(t *testing.T) {
	page := render(t, &web.Report{Title: "Nothing yet"})
	for _, part := range []string{"<h2", "<table", "class=\"panel\"", "class=\"facts\""} {
		if strings.Contains(page, part) {
			t.Errorf("the empty page holds %s", part)
		}
	}
	if !strings.Contains(page, "<h1>Nothing yet</h1>") {
		t.Error("no title")
	}
}

func TestThumbKeepsPicturesAndDrawsTheRest(t *testing.T) {
	for _, c := range []struct{ name, pic, want string }{
		{"jpeg", "\xff\xd8\xff\xe0rest", "data:image/jpeg;"},
		{"png", "\x89PNG\r\n\x1a\nrest", "data:image/png;"},
		{"gif", "GIF89a", "data:image/gif;"},
		{"webp", "RIFF\x00\x00\x00\x00WEBPVP8 ", "data:image/webp;"},
		{"nothing", "", "data:image/svg+xml;"},
		{"a page, not a picture", "<html>", "data:image/svg+xml;"},
	} {
		if got := string(web.Thumb("a.jpg", []byte(c.pic))); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %.40s, want %s", c.name, got, c.want)
		}
	}
	a, again, b := web.Thumb("a.jpg", nil), web.Thumb("a.jpg", nil), web.Thumb("b.jpg", nil)
	if a != again || a == b {
		t.Error("a tile is not its id's own")
	}
}

func TestLineStaysInItsBox(t *testing.T) {
	for _, values := range [][]float64{{1, 2}, {5, 5, 5}, {1e-6, 1, 1e6}, {-3, 0, 4}, make([]float64, 5000)} {
		c := web.Line("x", values)
		points := strings.Fields(c.Line)
		if len(points) < 2 || len(points) > 300 {
			t.Errorf("%d values: %d points", len(values), len(points))
		}
		for _, p := range points {
			var x, y float64
			if _, err := fmt.Sscanf(p, "%f,%f", &x, &y); err != nil || x < 0 || x > 300 || y < 0 || y > 96 {
				t.Errorf("%d values: point %s, %v", len(values), p, err)
			}
		}
	}
	if c := web.Line("x", []float64{1}); c.Line != "" {
		t.Error("one value is not a line")
	}
}
