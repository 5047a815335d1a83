"""One page to look at a study with: maps, trees and, of the embedded corpus, recordings."""
