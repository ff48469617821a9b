package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/saedb/saedb/db"
	"github.com/saedb/saedb/sae/concept"
)

func newNameSetCmd(a *app) *cobra.Command {
	return newEditCmd(a, &cobra.Command{
		Use:     "set LATENT WORD",
		Short:   "Call a latent by a word of your own",
		Example: "  saectl name set 812 'golden retriever'",
		Args:    cobra.ExactArgs(2),
	}, func(names *concept.Names, e *concept.Edits, args []string) (string, error) {
		latent, err := parseLatent(args[0], len(names.Latents))
		if err != nil {
			return "", err
		}
		setName(e, latent, args[1])
		return fmt.Sprintf("latent %d is called %q", latent, args[1]), nil
	})
}

func newNameHideCmd(a *app) *cobra.Command {
	return newEditCmd(a, &cobra.Command{
		Use:     "hide WORD|LATENT",
		Short:   "Take a word, or a latent, out of all concepts",
		Example: "  saectl name hide stock\n  saectl name hide 17",
		Args:    cobra.ExactArgs(1),
	}, func(names *concept.Names, e *concept.Edits, args []string) (string, error) {
		if _, err := strconv.Atoi(args[0]); err == nil {
			latent, err := parseLatent(args[0], len(names.Latents))
			if err != nil {
				return "", err
			}
			hideLatent(e, latent)
			return fmt.Sprintf("latent %d takes part in nothing", latent), nil
		}
		if err := knownWord(names, e, args[0]); err != nil {
			return "", err
		}
		hideWord(e, args[0])
		return fmt.Sprintf("%q is hidden", args[0]), nil
	})
}

func newNameMergeCmd(a *app) *cobra.Command {
	return newEditCmd(a, &cobra.Command{
		Use:     "merge WORD INTO",
		Short:   "Make a word part of another",
		Example: "  saectl name merge puppy dog",
		Args:    cobra.ExactArgs(2),
	}, func(names *concept.Names, e *concept.Edits, args []string) (string, error) {
		for _, word := range args {
			if err := knownWord(names, e, word); err != nil {
				return "", err
			}
		}
		if args[0] == args[1] {
			return "", errors.New("a word cannot become part of itself")
		}
		mergeWords(e, args[0], args[1])
		return fmt.Sprintf("%q is part of %q", args[0], args[1]), nil
	})
}

// newEditCmd makes a command that changes the edits of an autoencoder. edit sees
// the names as they are now and says what it did.
func newEditCmd(a *app, cmd *cobra.Command, edit func(*concept.Names, *concept.Edits, []string) (string, error)) *cobra.Command {
	sae := cmd.Flags().String("sae", "", "the autoencoder (default: the active one)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withDB(cmd.Context(), db.Options{}, func(d *db.DB) error {
			return changeEdits(cmd.Context(), a, d, *sae, func(n *concept.Names, e *concept.Edits) (string, error) { return edit(n, e, args) })
		})
	}
	return cmd
}

func changeEdits(ctx context.Context, a *app, d *db.DB, sae string, edit func(*concept.Names, *concept.Edits) (string, error)) error {
	name, _, err := chosenModel(ctx, d, sae)
	if err != nil {
		return err
	}
	names, err := d.EditedNames(ctx, name)
	if errors.Is(err, db.ErrNoNames) {
		return hint(fmt.Errorf("%s has no names yet", name), "saectl name --vocab words.txt --vocab-vectors words.npy gives it some")
	}
	if err != nil {
		return err
	}
	e, err := d.Edits(ctx, name)
	if err != nil {
		return err
	}
	did, err := edit(names, &e)
	if err != nil {
		return err
	}
	if err := d.SetEdits(ctx, name, e); err != nil {
		return err
	}
	return a.printOutcome(e, did)
}

func parseLatent(text string, latents int) (uint32, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n >= latents {
		return 0, hint(fmt.Errorf("%q is no latent", text), "latents are numbers from 0 to %d", latents-1)
	}
	return uint32(n), nil
}

// knownWord refuses a word that is no concept and that no edit speaks of.
func knownWord(n *concept.Names, e *concept.Edits, word string) error {
	_, is := n.Concept(word)
	_, merged := e.Merge[word]
	if is || merged || slices.Contains(e.HideWords, word) {
		return nil
	}
	return hint(fmt.Errorf("%q is no concept", word), "saectl concepts --like '%.3s*' lists those that begin alike", word)
}

// setName, hideLatent, hideWord and mergeWords take one decision into e and undo
// the earlier ones that contradict it.

func setName(e *concept.Edits, latent uint32, word string) {
	if e.Set == nil {
		e.Set = map[uint32]string{}
	}
	e.Set[latent] = word
	e.HideLatents = slices.DeleteFunc(e.HideLatents, func(l uint32) bool { return l == latent })
	e.HideWords = slices.DeleteFunc(e.HideWords, func(w string) bool { return w == word })
}

func hideLatent(e *concept.Edits, latent uint32) {
	delete(e.Set, latent)
	if i, found := slices.BinarySearch(e.HideLatents, latent); !found {
		e.HideLatents = slices.Insert(e.HideLatents, i, latent)
	}
}

func hideWord(e *concept.Edits, word string) {
	for from, into := range e.Merge {
		if into == word {
			delete(e.Merge, from)
		}
	}
	if i, found := slices.BinarySearch(e.HideWords, word); !found {
		e.HideWords = slices.Insert(e.HideWords, i, word)
	}
}

func mergeWords(e *concept.Edits, from, into string) {
	if e.Merge == nil {
		e.Merge = map[string]string{}
	}
	delete(e.Merge, into) // the target stands for itself again
	for other, target := range e.Merge {
		if target == from {
			e.Merge[other] = into
		}
	}
	e.Merge[from] = into
	e.HideWords = slices.DeleteFunc(e.HideWords, func(w string) bool { return w == into || w == from })
}
