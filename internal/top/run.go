package top

import (
	"context"
	"io"
	"sync"

	tea "charm.land/bubbletea/v2"
)

// Run shows the screens until the person leaves, or ctx ends. in and out are one terminal.
func Run(ctx context.Context, cfg Config, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m := newModel(ctx, cfg)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	for _, s := range m.sources {
		defer s.Open()()
		looking.Go(func() { s.Watcher.Run(ctx) })
	}
	program := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	ended := make(chan struct{})
	looking.Go(func() {
		select {
		case <-ctx.Done():
			program.Quit()
		case <-ended:
		}
	})
	_, err := program.Run()
	close(ended)
	m.changing.Wait() // a change that has begun ends before its connectors do
	return err
}
