package settings

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
)

const sqliteScheme = "sqlite:///"

// databaseURL checks the scheme and that there is something behind it; the rest is the engine's to judge.
func databaseURL() field {
	return field{
		set: func(s *Settings, v string) error {
			if !knownDatabase(v) {
				return errors.New("must be sqlite:///path (sqlite:////path from the root), postgresql://user:password@host/name " +
					"or postgresql+psycopg://…, with what is special in a password written as %XX")
			}
			s.DatabaseURL = v
			return nil
		},
		show: func(s *Settings) string { return maskURL(s.DatabaseURL) },
		safe: maskURL,
	}
}

func knownDatabase(v string) bool {
	if path, ok := strings.CutPrefix(v, sqliteScheme); ok {
		return path != "" && !strings.HasPrefix(path, "?")
	}
	scheme, rest, ok := strings.Cut(v, "://")
	switch scheme {
	case "postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg":
		u, err := url.Parse("postgresql://" + rest)
		return ok && err == nil && u.Fragment == "" && len(rest) > 0
	}
	return false
}

// embeddedDatabase is the URL of the SQLite file in a folder. As in SQLAlchemy, the path is not escaped.
func embeddedDatabase(dir string) string {
	return sqliteScheme + filepath.ToSlash(filepath.Join(dir, "espalier.db"))
}

// dataDir refuses the one character that would end the path in the URL of the embedded database.
func dataDir(v string) (string, error) {
	if strings.Contains(v, "?") {
		return "", errors.New("must be the path of a folder, without a question mark")
	}
	return v, nil
}

// maskURL hides the password of a URL: in front of the host, and in the parameters that libpq knows. It works on
// texts that are no URL too, and then rather hides too much.
func maskURL(v string) string {
	scheme, rest, ok := strings.Cut(v, "://")
	if !ok {
		return mask
	}
	base, query, has := strings.Cut(rest, "?")
	if strings.Contains(query, "@") { // in a password, but which?
		return scheme + "://" + mask
	}
	if at := strings.LastIndexByte(base, '@'); at >= 0 {
		if user, _, both := strings.Cut(base[:at], ":"); both {
			base = user + ":" + mask + base[at:]
		}
	}
	if !has {
		return scheme + "://" + base
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		plain, err := url.QueryUnescape(pair)
		if err != nil || strings.Contains(strings.ToLower(plain), "pass") {
			key, _, _ := strings.Cut(pair, "=")
			pairs[i] = key + "=" + mask
		}
	}
	return scheme + "://" + base + "?" + strings.Join(pairs, "&")
}

// hideCredentials hides what may be a user and a password in a text that should have neither.
func hideCredentials(v string) string {
	if at := strings.LastIndexByte(v, '@'); at >= 0 {
		return mask + v[at:]
	}
	return v
}
