#include "engine/policy/deployments/fact_table.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/sddl.h"
#include "engine/policy/text/source_text.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kColumnsMax = 64;

// One value of a line.
struct Cell {
  std::string text;
  SourceSpan span;
};

std::uint32_t count_code_points(std::string_view text) {
  std::uint32_t count = 0;
  for_each_code_point(text, [&count](char32_t) { ++count; });
  return count;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// `App ID`, `app_id` and `AppId` are one name.
std::string column_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    if (c != ' ' && c != '_' && c != '-') name += to_lower(c);
  }
  return name;
}

class TableReader {
 public:
  TableReader(const SourceText& source, std::uint32_t file, std::span<const std::string_view> names,
              Reporter& reporter)
      : source_(source), file_(file), names_(names), reporter_(reporter) {}

  // Calls `take(cells, span)` for each row; `cells` has the values in the order of `names`, empty
  // ones where there is no such column.
  template <typename Take>
  void read(Take take) {
    if (source_.is_binary()) {
      return reporter_.error("not-a-table", {file_, 1, 1, 1}, "this is no text");
    }
    bool has_header = false;
    for (std::size_t number = 1; number <= source_.line_count() && !reporter_.is_full(); ++number) {
      const std::string_view line = source_.line(number);
      if (trimmed(line).empty() || line.front() == '#') continue;
      const SourceSpan place{file_, static_cast<std::uint32_t>(number), 1, 1};
      if (!has_header) {
        has_header = true;
        if (!read_header(line, place)) return;
        continue;
      }
      const std::optional<std::vector<Cell>> cells = split(line, place);
      if (!cells) continue;
      if (cells->size() > columns_.size()) {
        reporter_.error("too-many-values", place,
                        "more values than columns: " + std::to_string(cells->size()));
        continue;
      }
      std::vector<Cell> ordered(names_.size(), Cell{{}, place});
      for (std::size_t i = 0; i < cells->size(); ++i) ordered[columns_[i]] = (*cells)[i];
      take(ordered, place);
    }
    if (!has_header) {
      reporter_.error("no-columns", {file_, 1, 1, 1}, "a line of column names is expected",
                      names_text());
    }
  }

 private:
  std::string names_text() const {
    std::string text = "columns:";
    for (const std::string_view name : names_) (text += ' ') += name;
    return text;
  }

  bool read_header(std::string_view line, const SourceSpan& place) {
    separator_ = ',';
    for (const char candidate : {';', '\t'}) {
      if (line.find(',') == std::string_view::npos && line.find(candidate) != line.npos) {
        separator_ = candidate;
      }
    }
    const std::optional<std::vector<Cell>> cells = split(line, place);
    if (!cells) return false;
    bool fine = true;
    for (const Cell& cell : *cells) fine = add_column(cell) && fine;
    if (fine && std::find(columns_.begin(), columns_.end(), 0) == columns_.end()) {
      reporter_.error("no-column", place, "column " + quoted(names_[0]) + " is missing",
                      names_text());
      fine = false;
    }
    return fine;
  }

  bool add_column(const Cell& cell) {
    const std::string wanted = column_name(cell.text);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (column_name(names_[i]) != wanted) continue;
      if (std::find(columns_.begin(), columns_.end(), i) != columns_.end()) {
        reporter_.error("column-twice", cell.span, "column " + quoted(cell.text) + " stands twice");
        return false;
      }
      columns_.push_back(i);
      return true;
    }
    const std::string_view nearest = nearest_name(to_lower(cell.text), names_);
    reporter_.error("unknown-column", cell.span, "unknown column " + quoted(cell.text),
                    nearest.empty() ? names_text() : "did you mean " + quoted(nearest) + "?");
    return false;
  }

  std::optional<std::vector<Cell>> split(std::string_view line, const SourceSpan& place) {
    std::vector<Cell> cells;
    std::uint32_t column = 1;
    for (std::size_t at = 0;; ++at, ++column) {
      const std::size_t start = at;
      Cell cell;
      cell.span = {file_, place.line, column, 1};
      if (!read_value(line, at, cell.text)) {
        reporter_.error("unclosed-quote", cell.span, "the quotation mark is not closed");
        return std::nullopt;
      }
      const std::uint32_t width = count_code_points(line.substr(start, at - start));
      cell.span.length = std::max(width, 1u);
      column += width;
      cells.push_back(std::move(cell));
      if (at >= line.size()) return cells;
      if (cells.size() == kColumnsMax) {
        reporter_.error("too-many-values", cells.back().span, "too many values in one line");
        return std::nullopt;
      }
    }
  }

  // Leaves `at` behind the value: at a separator, or at the end of the line.
  bool read_value(std::string_view line, std::size_t& at, std::string& text) const {
    while (at < line.size() && line[at] == ' ') ++at;
    if (at == line.size() || line[at] != '"') {
      const std::size_t end = std::min(line.find(separator_, at), line.size());
      text = trimmed(line.substr(at, end - at));
      at = end;
      return true;
    }
    for (++at; at < line.size(); ++at) {
      if (line[at] != '"') {
        text += line[at];
      } else if (line.substr(at + 1).starts_with('"')) {
        text += line[++at];
      } else {
        at = std::min(line.find(separator_, at), line.size());
        text = trimmed(std::string(text));
        return true;
      }
    }
    return false;
  }

  const SourceText& source_;
  std::uint32_t file_;
  std::span<const std::string_view> names_;
  Reporter& reporter_;
  char separator_ = ',';
  std::vector<std::size_t> columns_;  // of each value of a line: index into names_
};

constexpr std::array<std::string_view, 3> kUserColumns{"user", "sid", "groups"};
constexpr std::array<std::string_view, 2> kClassColumns{"clsid", "app_id"};
constexpr std::array<std::string_view, 2> kServerColumns{"name", "address"};

}  // namespace

void add_sids(std::string_view text, const SourceSpan& span, CallerToken& token,
              Reporter& reporter) {
  constexpr std::string_view kBetween = " ,;|";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    std::string sid = parse_trustee(word);
    if (sid.empty()) {
      reporter.error("bad-sid", span, quoted(word) + " is neither a SID nor an SDDL alias",
                     "write `S-1-5-21-...`, or two letters such as `BA`");
    } else {
      token.sids.push_back(std::move(sid));
    }
  }
}

void settle_users(HostFacts& facts) {
  std::vector<CallerToken>& users = facts.users;
  std::stable_sort(users.begin(), users.end(),
                   [](const CallerToken& a, const CallerToken& b) { return a.name < b.name; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (kept > 0 && users[kept - 1].name == users[i].name) {
      std::vector<std::string>& sids = users[kept - 1].sids;
      sids.insert(sids.end(), users[i].sids.begin(), users[i].sids.end());
    } else {
      if (kept != i) users[kept] = std::move(users[i]);
      ++kept;
    }
  }
  users.resize(kept);
  for (CallerToken& user : users) sort_sids(user);
}

void read_user_table(std::string_view bytes, std::uint32_t file, HostFacts& facts,
                     Reporter& reporter) {
  const SourceText source = SourceText::decode(bytes);
  TableReader(source, file, kUserColumns, reporter)
      .read([&](const std::vector<Cell>& cells, const SourceSpan& place) {
        CallerToken token;
        token.name = to_lower(cells[0].text);
        token.span = place;
        if (token.name.empty()) {
          return reporter.error("no-user", place, "a line without a user");
        }
        add_sids(cells[1].text, cells[1].span, token, reporter);
        add_sids(cells[2].text, cells[2].span, token, reporter);
        facts.users.push_back(std::move(token));
      });
}

void read_class_table(std::string_view bytes, std::uint32_t file, HostFacts& facts,
                      Reporter& reporter) {
  const SourceText source = SourceText::decode(bytes);
  TableReader(source, file, kClassColumns, reporter)
      .read([&](const std::vector<Cell>& cells, const SourceSpan& place) {
        std::array<Uuid, 2> uuids;
        for (std::size_t i = 0; i < uuids.size(); ++i) {
          const std::optional<Uuid> uuid = read_uuid_text(cells[i].text);
          if (!uuid) {
            return reporter.error("bad-uuid", cells[i].span, quoted(cells[i].text) + " is no UUID");
          }
          uuids[i] = *uuid;
        }
        facts.classes.push_back({uuids[0], uuids[1], place});
      });
}

void read_server_table(std::string_view bytes, std::uint32_t file,
                       std::vector<NamedServer>& servers, Reporter& reporter) {
  const SourceText source = SourceText::decode(bytes);
  TableReader(source, file, kServerColumns, reporter)
      .read([&](const std::vector<Cell>& cells, const SourceSpan& place) {
        const std::optional<IpAddress> address = parse_ip(cells[1].text);
        if (!address) {
          return reporter.error("bad-address", cells[1].span,
                                quoted(cells[1].text) + " is no address");
        }
        if (cells[0].text.empty()) {
          return reporter.error("no-servers", place, "a line without the name of a server");
        }
        servers.push_back({to_lower(cells[0].text), *address});
      });
}

}  // namespace rpcaudit::policy
