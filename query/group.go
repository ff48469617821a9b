package query

import "context"

// showGroups takes the groups that the tails ask for: in order of their best row, each with its best rows. An item of which the field
// is a list is in the group of each member; one without the field is in none.
func (t *tails) showGroups(ctx context.Context, r *run, rank ranking, skip, top int) (slice, error) {
	groups, err := t.groups(ctx, r, rank, t.need(skip, top))
	if err != nil {
		return slice{}, err
	}
	from, to := min(skip+t.offset, len(groups)), len(groups)
	if top > 0 {
		to = min(to, from+top)
	}
	s := slice{done: to, more: to < len(groups)}
	for i, g := range groups[:to] {
		if i < from {
			s.before += len(g)
		} else {
			s.rows = append(s.rows, g...)
		}
	}
	return s, nil
}

// groups returns the first n groups, all where n is 0. It reads rows until all of these are full.
func (t *tails) groups(ctx context.Context, r *run, rank ranking, n int) ([][]ranked, error) {
	var groups [][]ranked
	at := map[any]int{}
	open := 0 // of the groups, how many are not full
	for row, err := range t.distinctRows(ctx, r, rank, n) {
		if err != nil {
			return nil, err
		}
		values, err := valuesOf(ctx, r, row.ord, t.group.field)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			i, met := at[v]
			switch {
			case !met && n > 0 && len(groups) == n:
				continue
			case !met:
				i = len(groups)
				at[v], groups, open = i, append(groups, nil), open+1
			case len(groups[i]) == t.group.top:
				continue
			}
			row.group = v
			if groups[i] = append(groups[i], row); len(groups[i]) == t.group.top {
				open--
			}
		}
		if n > 0 && len(groups) == n && open == 0 {
			break
		}
	}
	return groups, nil
}
