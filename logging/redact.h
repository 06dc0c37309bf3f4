// Takes what identifies people or opens doors out of text before it is logged: e-mail addresses, telephone and identity numbers, keys and
// card numbers, each replaced by a word in brackets. It would rather take too much: dates in ISO form and plain numbers of up to
// nine digits stay, ten digits and more never do. Names and addresses in words are not recognised, nor e-mail addresses outside ASCII. Pure
// functions, linear in the text.
#pragma once

#include <string>
#include <string_view>

namespace inferd::logging {

// "mail me at [email], card [card]".
std::string Redact(std::string_view text);

// Whether the digits pass the check that card numbers carry (ISO/IEC 7812-1, annex B). Other characters are not looked at.
bool PassesLuhn(std::string_view digits);

}  // namespace inferd::logging
