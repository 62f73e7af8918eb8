//! Enums of the texts that a provider documents, with room for those that come later.

/// Declares an enum that is read from a text. A text that is not in the list becomes `Other`, so a
/// new status of a provider is never an unreadable event. `Name = "NEW" | "old"` reads both texts.
macro_rules! texts {
    (
        $(#[$attribute:meta])*
        $name:ident {
            $($(#[$of_variant:meta])* $variant:ident = $text:literal $(| $older:literal)*,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!("`", $text, "`.")]
                $(#[$of_variant])*
                $variant,
            )+
            /// A text that this version of the SDK does not know.
            Other(String),
        }

        impl $name {
            /// Returns the provider's text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text $(| $older)* => Self::$variant,)+
                    _ => Self::Other(text),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Into::into)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use texts;
