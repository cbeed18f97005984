// Package dash is the dashboard: pages about pipelines, for a browser, from the structs that the verbs answer with.
//
//	admin.Look --> view.Positions --> moment (what is known of a pipeline at one time)
//	    ^                               |--> /p/G, /p/G/T:P: a page, complete without a script
//	    |                               |--> /p/G.json, .csv: what offsets show prints
//	 watcher: one for each pipeline,    '--> /events: parts of a page whose text changed
//	 however many pages are open
//
// # Laws
//
//   - A page prints what internal/view says, and derives no verdict, lag or loss of its own. The same struct is behind its path as
//     json and csv.
//   - What is not known is the word unknown. What is old says how old it is.
//   - GET changes nothing. POST is a form of somebody who has signed in, of this server's own page, with the code of his sign-in.
//   - A change is planned, looked at, executed once, and read back. It is what the command line's verb does, by its function, and is recorded
//     under the name of who has signed in. A plan that is not true any more is refused: nobody executes what he has not seen.
//   - Every page works without a script. A script adds live rows and keys.
//   - Nothing is fetched from elsewhere; there is no inline script and no inline style (Content-Security-Policy).
//   - Texts of strangers (records, reasons, whys, names) go through html/template as text, are cut at 4 KiB with their whole length said,
//     and their control characters are written as \x1b.
//
// # Live
//
// A page opens one stream (/events). Its parts have ids: what needs a look, the five answers, each row. The server renders a part by the
// template of the page, and sends it where its text changed. A stream gets the newest moment: nothing queues for a slow one. While no page is
// open a watcher looks every 10 s, so that a page has something to show at once.
//
// # Actions
//
//	wish (what a form says) --planned--> deed (the plan, in the command's words) --kept as--> plan
//	plan --POST--> still true? --no--> refused, with who moved it, and the plan as it would be now
//	                           --yes-> admin's Execute, Discard, ReplayLetters --> read back --> verified
//
// # How it fails
//
// Brokers that do not answer: positions are the ledger's, and what only brokers know is unknown. A ledger that does not answer: the last
// moment stays, and says since when. More than 64 streams: 503. An error of a page is a page with the code, what happened, and what to type.
//
// # What it does not do
//
// It opens no connector: its resources come from whoever runs it. It has no users and no rights: a token lets in, and a name is believed.
package dash
