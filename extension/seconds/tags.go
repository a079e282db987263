package seconds

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxTagLength is the longest tag value recorded, in bytes.
const maxTagLength = 200

// What looks like a URL, also in the middle of an error's text.
var urls = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)

// recordedTags is tags without what may be secret: of each URL in a value, its
// user information, query and fragment. Empty values are left out.
func recordedTags(tags map[string]string) map[string]string {
	recorded := make(map[string]string, len(tags))
	for name, value := range tags {
		value = strings.ToValidUTF8(urls.ReplaceAllStringFunc(value, withoutSecrets), "�")
		if len(value) > maxTagLength {
			value = strings.ToValidUTF8(value[:maxTagLength], "") + "…"
		}
		if value != "" {
			recorded[name] = value
		}
	}
	return recorded
}

func withoutSecrets(url string) string {
	if end := strings.IndexAny(url, "?#"); end >= 0 {
		url = url[:end]
	}
	scheme, rest, _ := strings.Cut(url, "://")
	authority, path, hasPath := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	if hasPath {
		authority += "/"
	}
	return scheme + "://" + authority + path
}

// identityOf is a text that two series have in common only if they are one.
func identityOf(metric string, tags map[string]string) string {
	identity := metric
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		identity += strconv.Quote(name) + strconv.Quote(tags[name])
	}
	return identity
}
