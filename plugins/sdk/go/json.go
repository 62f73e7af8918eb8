package handler

import (
	"encoding/json"
	"strings"
)

// separators writes as themselves what encoding/json escapes for old scripts. A backslash that is
// escaped itself comes first, so that the text behind it stays as it is.
var separators = strings.NewReplacer(
	`\\`, `\\`,
	`\u2028`, "\u2028",
	`\u2029`, "\u2029",
)

// JSON returns the JSON text of a value, as the other SDKs write it: without blanks, and with each
// of the characters <, > and & as itself. [json.Marshal] escapes these three for HTML pages. The
// receiver of a request reads the same value, but other bytes: a signature or a comparison of texts
// sees the difference. A MarshalJSON of your own calls JSON too.
func JSON(value any) ([]byte, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	line := strings.TrimSuffix(text.String(), "\n")
	return []byte(separators.Replace(line)), nil
}
