//! Derives for the sandbox's own reading and writing of the contract's values in a guest's memory: `Give` and `Take`.
//!
//! Both take fields and cases in the order in which they stand, which is the order of the WIT files: the types that they are
//! put on are generated from there, or checked against it when a policy is admitted. They know structs with named fields
//! (records) and enums whose cases hold nothing or one value (variants and enums); anything else is refused.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{ToTokens, quote};
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Ident, Type, parse_quote};

/// Where a value's parts lie, and how it is written into a guest.
#[proc_macro_derive(Give, attributes(component))]
pub fn give(input: TokenStream) -> TokenStream {
    expanded(input, |input, shape| {
        let (laid, give) = (laid(input, shape), shape.give());
        let (name, (implement, of, bounded)) = (&input.ident, bounded(input, &parse_quote!(crate::canonical::Give)));
        quote! {
            #laid

            impl #implement crate::canonical::Give for #name #of #bounded {
                fn give(&self, guest: &mut crate::canonical::Giving<'_>, at: usize) -> ::wasmtime::Result<()> {
                    #give
                }
            }
        }
    })
}

/// How a value is read from a guest.
#[proc_macro_derive(Take, attributes(component))]
pub fn take(input: TokenStream) -> TokenStream {
    expanded(input, |input, shape| {
        let take = shape.take();
        let (name, (implement, of, bounded)) = (&input.ident, bounded(input, &parse_quote!(crate::canonical::Take)));
        quote! {
            impl #implement crate::canonical::Take for #name #of #bounded {
                fn take(guest: &mut crate::canonical::Taking<'_>, bytes: &[u8]) -> ::wasmtime::Result<Self> {
                    #take
                }
            }
        }
    })
}

/// What a type is made of, in its order.
enum Shape {
    Record(Vec<(Ident, Type)>),
    Variant(Vec<(Ident, Option<Type>)>),
}

fn expanded(input: TokenStream, expand: impl FnOnce(&DeriveInput, &Shape) -> Tokens) -> TokenStream {
    let expanded = syn::parse::<DeriveInput>(input).and_then(|input| Ok(expand(&input, &Shape::of(&input)?)));
    expanded.unwrap_or_else(Error::into_compile_error).into()
}

fn laid(input: &DeriveInput, shape: &Shape) -> Tokens {
    let layout = shape.layout();
    let (name, (implement, of, bounded)) = (&input.ident, bounded(input, &parse_quote!(crate::canonical::Laid)));
    quote! {
        impl #implement crate::canonical::Laid for #name #of #bounded {
            const LAYOUT: crate::canonical::Layout = #layout;
        }
    }
}

/// The generics of an implementation in which each type parameter keeps to a trait.
fn bounded(input: &DeriveInput, to: &syn::TypeParamBound) -> (Tokens, Tokens, Tokens) {
    let mut generics = input.generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(parameter) = parameter {
            parameter.bounds.push(to.clone());
        }
    }
    let (implement, of, bounded) = generics.split_for_impl();
    (implement.into_token_stream(), of.into_token_stream(), bounded.into_token_stream())
}

impl Shape {
    fn of(input: &DeriveInput) -> Result<Self, Error> {
        match &input.data {
            Data::Struct(data) => {
                let Fields::Named(fields) = &data.fields else {
                    return Err(Error::new_spanned(&input.ident, "a record has named fields"));
                };
                let field = |field: &syn::Field| field.ident.clone().map(|name| (name, field.ty.clone()));
                Ok(Self::Record(fields.named.iter().filter_map(field).collect()))
            }
            Data::Enum(data) if data.variants.len() > 256 => Err(Error::new_spanned(
                &input.ident,
                "more than 256 cases would not fit the one byte that names a case",
            )),
            Data::Enum(data) => {
                let case = |case: &syn::Variant| match &case.fields {
                    Fields::Unit => Ok((case.ident.clone(), None)),
                    Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                        Ok((case.ident.clone(), fields.unnamed.first().map(|field| field.ty.clone())))
                    }
                    _ => Err(Error::new_spanned(case, "a case holds nothing or one value")),
                };
                data.variants.iter().map(case).collect::<Result<_, _>>().map(Self::Variant)
            }
            Data::Union(_) => Err(Error::new_spanned(&input.ident, "the contract has no unions")),
        }
    }

    fn layout(&self) -> Tokens {
        match self {
            Self::Record(fields) => {
                let types = fields.iter().map(|(_, kind)| kind);
                quote!(crate::canonical::Layout::record(&[#(<#types as crate::canonical::Laid>::LAYOUT),*]))
            }
            Self::Variant(cases) => {
                let held = cases.iter().map(|(_, held)| {
                    let layout = |kind: &Type| quote!(<#kind as crate::canonical::Laid>::LAYOUT);
                    held.as_ref().map_or_else(|| quote!(crate::canonical::Layout::NOTHING), layout)
                });
                quote!(crate::canonical::Layout::variant(&[#(#held),*]))
            }
        }
    }

    fn give(&self) -> Tokens {
        match self {
            Self::Record(fields) => {
                let given = fields.iter().enumerate().map(|(number, (name, kind))| {
                    let place = field_place(fields, number);
                    quote!(<#kind as crate::canonical::Give>::give(&self.#name, guest, at + const { #place.from })?;)
                });
                quote!(#(#given)* ::wasmtime::Result::Ok(()))
            }
            Self::Variant(cases) => {
                let given = cases.iter().zip(0..=u8::MAX).map(|((name, held), number)| match held {
                    None => quote!(Self::#name => guest.case(at, #number),),
                    Some(kind) => quote! {
                        Self::#name(held) => {
                            guest.case(at, #number);
                            let held_at = Self::LAYOUT.held(<#kind as crate::canonical::Laid>::LAYOUT).from;
                            <#kind as crate::canonical::Give>::give(held, guest, at + held_at)?;
                        }
                    },
                });
                quote! {
                    #[allow(unused_imports, reason = "cases that hold nothing need no layout")]
                    use crate::canonical::Laid as _;
                    match self { #(#given)* }
                    ::wasmtime::Result::Ok(())
                }
            }
        }
    }

    fn take(&self) -> Tokens {
        match self {
            Self::Record(fields) => {
                let taken = fields.iter().enumerate().map(|(number, (name, kind))| {
                    let place = field_place(fields, number);
                    quote! {
                        #name: <#kind as crate::canonical::Take>::take(guest, &bytes[const { #place }.range()])?
                    }
                });
                quote!(::wasmtime::Result::Ok(Self { #(#taken),* }))
            }
            Self::Variant(cases) => {
                let taken = cases.iter().zip(0..=u8::MAX).map(|((name, held), number)| match held {
                    None => quote!(#number => Self::#name,),
                    Some(kind) => quote! {
                        #number => {
                            let at = const { Self::LAYOUT.held(<#kind as crate::canonical::Laid>::LAYOUT) };
                            Self::#name(<#kind as crate::canonical::Take>::take(guest, &bytes[at.range()])?)
                        }
                    },
                });
                quote! {
                    #[allow(unused_imports, reason = "cases that hold nothing need no layout")]
                    use crate::canonical::Laid as _;
                    ::wasmtime::Result::Ok(match bytes[0] {
                        #(#taken)*
                        other => return crate::canonical::no_such_case(other.into()),
                    })
                }
            }
        }
    }
}

/// Where a record's field lies, from its layout and those of the fields before it.
fn field_place(fields: &[(Ident, Type)], number: usize) -> Tokens {
    let up_to = fields[..=number].iter().map(|(_, kind)| kind);
    quote!(crate::canonical::Layout::last(&[#(<#up_to as crate::canonical::Laid>::LAYOUT),*]))
}
