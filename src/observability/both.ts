// One thing that happens, told twice.

/** Is told when something begins; what it returns, how it has ended. */
type Observer<T> = (begun: T) => (ending: string) => void;

/** One observer that tells two. */
export function both<T>(one: Observer<T>, other: Observer<T> | undefined): Observer<T> {
  if (other === undefined) {
    return one;
  }
  return (begun) => {
    const ends = [one(begun), other(begun)];
    return (ending) => {
      for (const end of ends) {
        end(ending);
      }
    };
  };
}
